package org.example.workload;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsExchange;
import com.sun.net.httpserver.HttpsParameters;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;

/** Answers over HTTPS, to the clients that -authorize names and to nobody else, and tells them who they are. */
public final class Server {
    private static final int BACKLOG = 128;
    private static final int THREADS = 16;
    private static final int SECONDS_TO_FINISH = 5;

    private final Identity identity;

    private Server(Identity identity) {
        this.identity = identity;
    }

    public static void main(String[] arguments) throws Exception {
        // A thread waits for a silent client; 0 would mean for ever.
        System.setProperty("sun.net.httpserver.maxReqTime", "10");
        System.setProperty("sun.net.httpserver.maxRspTime", "10");
        Flags.run(arguments, Map.of("-listen", "127.0.0.1:8443", "-wait", "30s"), Server::run);
    }

    private static int run(Flags flags, CountDownLatch ended) throws Exception {
        InetSocketAddress address = flags.address("-listen");
        Identity identity = Identity.open(flags);
        if (identity == null) {
            return Flags.EXIT_NO_IDENTITY;
        }
        HttpsServer https;
        try {
            https = HttpsServer.create(address, BACKLOG);
        } catch (IOException error) {
            Identity.say("cannot listen: " + error.getMessage());
            return Flags.EXIT_FAILED;
        }
        https.setHttpsConfigurator(new ClientsNeedCertificates(identity.sslContext()));
        https.createContext("/", new Server(identity)::handle);
        ExecutorService threads = Executors.newFixedThreadPool(THREADS);
        https.setExecutor(threads);
        https.start();
        Identity.say("listening on " + https.getAddress().getAddress().getHostAddress() + ":" + https.getAddress().getPort());
        ended.await();
        https.stop(SECONDS_TO_FINISH);
        threads.shutdown();
        identity.close();
        return 0;
    }

    /** Without this HttpsServer asks clients for no certificate at all. */
    private static final class ClientsNeedCertificates extends HttpsConfigurator {
        ClientsNeedCertificates(SSLContext context) {
            super(context);
        }

        @Override
        public void configure(HttpsParameters connection) {
            SSLParameters parameters = getSSLContext().getDefaultSSLParameters();
            parameters.setNeedClientAuth(true);
            connection.setSSLParameters(parameters);
        }
    }

    private void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            Certificate[] client = ((HttpsExchange) exchange).getSSLSession().getPeerCertificates();
            try {
                identity.judge(client);
                X509Certificate leaf = (X509Certificate) client[0];
                answer(exchange, 200, "to " + Identity.idOf(leaf) + "\n", pastHalf(leaf));
            } catch (CertificateException why) {
                Identity.say("refused " + exchange.getRemoteAddress() + ": " + why.getMessage());
                answer(exchange, 403, "not authorized\n", true);
            }
        }
    }

    private static void answer(HttpExchange exchange, int status, String text, boolean last) throws IOException {
        byte[] body = text.getBytes(StandardCharsets.UTF_8);
        if (last) {
            exchange.getResponseHeaders().set("Connection", "close");
        }
        exchange.sendResponseHeaders(status, body.length);
        exchange.getResponseBody().write(body);
    }

    /** Less than half of its life is left, so its owner has a newer one by now. */
    private static boolean pastHalf(X509Certificate leaf) {
        long begin = leaf.getNotBefore().getTime();
        long end = leaf.getNotAfter().getTime();
        return end - System.currentTimeMillis() < (end - begin) / 2;
    }
}
