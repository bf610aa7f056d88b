package org.example.workload;

import io.spiffe.svid.x509svid.X509Svid;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.GeneralSecurityException;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Asks a server over HTTPS, if it is the one that -authorize names, and says what it answered. */
public final class Client {
    private static final Duration TIMEOUT = Duration.ofSeconds(10);

    private final Identity identity;
    private final URI server;
    private HttpClient http;
    private X509Svid openedWith;
    private String serial = "";
    private int requests;
    private int failed;

    private Client(Identity identity, InetSocketAddress server) {
        this.identity = identity;
        this.server = URI.create("https://" + server.getAddress().getHostAddress() + ":" + server.getPort() + "/");
    }

    public static void main(String[] arguments) throws Exception {
        Flags.run(arguments, Map.of("-connect", "127.0.0.1:8443", "-requests", "1", "-interval", "100ms", "-wait", "30s"),
                Client::run);
    }

    private static int run(Flags flags, CountDownLatch ended) throws Exception {
        int requests = flags.number("-requests");
        Duration interval = flags.time("-interval");
        InetSocketAddress server = flags.address("-connect");
        Identity identity = Identity.open(flags);
        if (identity == null) {
            return Flags.EXIT_NO_IDENTITY;
        }
        Client client = new Client(identity, server);
        do {
            client.count();
        } while (client.requests != requests && !ended.await(interval.toMillis(), TimeUnit.MILLISECONDS));
        Identity.say("stats: requests=" + client.requests + " failed=" + client.failed);
        identity.close();
        return client.failed == 0 ? 0 : Flags.EXIT_FAILED;
    }

    /** Asks once. Nothing is tried again: what fails is counted. */
    private void count() throws InterruptedException, GeneralSecurityException {
        requests++;
        try {
            ask();
        } catch (IOException error) {
            failed++;
            Identity.say("FAILED " + error);
        }
    }

    /** Says what the server answers, once for each of its certificates. */
    private void ask() throws IOException, InterruptedException, GeneralSecurityException {
        renew();
        HttpRequest request = HttpRequest.newBuilder(server).timeout(TIMEOUT).build();
        HttpResponse<String> answer = http.send(request, HttpResponse.BodyHandlers.ofString());
        if (answer.statusCode() != 200) {
            throw new IOException("status " + answer.statusCode());
        }
        X509Certificate leaf = (X509Certificate) answer.sslSession().orElseThrow().getPeerCertificates()[0];
        if (!leaf.getSerialNumber().toString().equals(serial)) {
            serial = leaf.getSerialNumber().toString();
            Identity.say(Identity.idOf(leaf) + ", certificate " + serial + ", answers: " + answer.body().strip());
        }
    }

    /** Connections and sessions that wait for their next use were judged with certificates of before: these begin anew. */
    private void renew() throws GeneralSecurityException {
        X509Svid newest = identity.getX509Svid();
        if (openedWith != newest) {
            openedWith = newest;
            http = HttpClient.newBuilder().sslContext(identity.sslContext()).connectTimeout(TIMEOUT).build();
        }
    }
}
