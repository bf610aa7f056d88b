package org.example.workload;

import io.spiffe.bundle.x509bundle.X509Bundle;
import io.spiffe.exception.BundleNotFoundException;
import io.spiffe.exception.SocketEndpointAddressException;
import io.spiffe.provider.SpiffeSslContextFactory;
import io.spiffe.provider.SpiffeSslContextFactory.SslContextOptions;
import io.spiffe.provider.SpiffeTrustManager;
import io.spiffe.spiffeid.SpiffeId;
import io.spiffe.spiffeid.TrustDomain;
import io.spiffe.svid.x509svid.X509Svid;
import io.spiffe.workloadapi.DefaultWorkloadApiClient;
import io.spiffe.workloadapi.Watcher;
import io.spiffe.workloadapi.WorkloadApiClient;
import io.spiffe.workloadapi.X509Context;
import io.spiffe.workloadapi.X509Source;
import java.io.IOException;
import java.security.GeneralSecurityException;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.Arrays;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import java.util.logging.Logger;
import javax.net.ssl.SSLContext;

/**
 * Who we are and whom we talk to, of now. Follows the agent for as long as the program runs.
 *
 * <p>In place of java-spiffe's DefaultX509Source, which tells nobody of updates and ends for good at an error that it takes for
 * a final one.
 */
final class Identity implements X509Source, Watcher<X509Context> {
    private static final Duration PAUSE = Duration.ofSeconds(1);
    private static final Logger LIBRARY = Logger.getLogger("io.spiffe");  // held, or its level would be forgotten

    private final Set<SpiffeId> authorize;
    private final WorkloadApiClient agent;
    private final CountDownLatch first = new CountDownLatch(1);
    private volatile X509Context current;

    private Identity(Set<SpiffeId> authorize) throws SocketEndpointAddressException {
        this.authorize = authorize;
        this.agent = DefaultWorkloadApiClient.newClient();  // at SPIFFE_ENDPOINT_SOCKET
    }

    /** Waits for the first answer with an identity; null if there is none in time. */
    static Identity open(Flags flags) throws InterruptedException, IOException {
        LIBRARY.setLevel(Level.OFF);  // what it logs is told here, shorter
        try {
            Identity identity = new Identity(flags.authorize());
            identity.agent.watchX509Context(identity);
            if (identity.first.await(flags.time("-wait").toMillis(), TimeUnit.MILLISECONDS)) {
                return identity;
            }
            identity.close();
        } catch (SocketEndpointAddressException error) {
            say("SPIFFE_ENDPOINT_SOCKET: " + error.getMessage());
        }
        say("no identity");
        return null;
    }

    @Override
    public void onUpdate(X509Context update) {
        current = update;
        X509Certificate leaf = update.getDefaultSvid().getLeaf();
        say("I am " + update.getDefaultSvid().getSpiffeId() + ", certificate " + leaf.getSerialNumber() + " until "
                + leaf.getNotAfter().toInstant());
        first.countDown();
    }

    /** The library has given up, so it is asked once more. What the agent gave us last is good until it ends. */
    @Override
    public void onError(Throwable error) {
        say("agent: " + (error.getCause() == null ? error : error.getCause()).getMessage());
        CompletableFuture.delayedExecutor(PAUSE.toMillis(), TimeUnit.MILLISECONDS)
                .execute(() -> agent.watchX509Context(this));
    }

    @Override
    public X509Svid getX509Svid() {
        return current.getDefaultSvid();
    }

    @Override
    public X509Bundle getBundleForTrustDomain(TrustDomain trustDomain) throws BundleNotFoundException {
        return current.getX509BundleSet().getBundleForTrustDomain(trustDomain);
    }

    /** For TLS with peers that -authorize names. Each handshake asks this for key, certificate and bundles. */
    SSLContext sslContext() throws GeneralSecurityException {
        return SpiffeSslContextFactory.getSslContext(SslContextOptions.builder()
                .sslProtocol("TLS")  // else clients have no TLS 1.3
                .x509Source(this)
                .acceptedSpiffeIdsSupplier(() -> authorize)
                .build());
    }

    /** Judges a peer once more: a connection, and all the more a resumed session, outlives the trust that it began with. */
    void judge(Certificate[] peer) throws CertificateException {
        X509Certificate[] chain = Arrays.copyOf(peer, peer.length, X509Certificate[].class);
        new SpiffeTrustManager(this, () -> authorize).checkClientTrusted(chain, "");
    }

    /** The SPIFFE ID of a certificate that was judged: it is its only URI. */
    static String idOf(X509Certificate leaf) throws CertificateException {
        return leaf.getSubjectAlternativeNames().stream().filter(name -> name.get(0).equals(6))
                .map(name -> (String) name.get(1)).findFirst().orElseThrow();
    }

    @Override
    public void close() throws IOException {
        agent.close();
    }

    static synchronized void say(String text) {
        System.err.println(text);
    }
}
