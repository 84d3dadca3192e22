import java.io.ByteArrayOutputStream;
import java.net.Authenticator;
import java.net.InetSocketAddress;
import java.net.PasswordAuthentication;
import java.net.ProxySelector;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLHandshakeException;
import javax.net.ssl.TrustManagerFactory;

/** The client of the JDK against our server: ../README.md says what each check is. */
public class Client {
    static final int LIMIT = 16 << 20;
    static final long QUIET_MS = 12_000;
    static final long PATIENCE_S = 20;

    final String uri;
    final Path ca;
    final URI proxy;

    Client(String uri, Path ca, URI proxy) {
        this.uri = uri;
        this.ca = ca;
        this.proxy = proxy;
    }

    public static void main(String[] args) throws Exception {
        // Basic authentication through a tunnel is off unless asked for.
        System.setProperty("jdk.http.auth.tunneling.disabledSchemes", "");
        Path ca = null;
        URI proxy = null;
        for (int at = 2; at + 1 < args.length; at += 2) {
            switch (args[at]) {
                case "--ca" -> ca = Path.of(args[at + 1]);
                case "--proxy" -> proxy = URI.create(args[at + 1]);
                default -> throw new IllegalArgumentException(args[at]);
            }
        }
        new Client(args[0], ca, proxy).check(args[1]);
        System.out.println("ok");
        System.exit(0);
    }

    void check(String name) throws Exception {
        switch (name) {
            case "messages" -> messages();
            case "empty" -> empty();
            case "fragments" -> fragments();
            case "large" -> large();
            case "plain" -> plain();
            case "ping" -> ping();
            case "close" -> close();
            case "subprotocol" -> subprotocol();
            case "broadcast" -> broadcast();
            case "secure" -> secure();
            case "quiet" -> quiet();
            default -> throw new IllegalArgumentException("no check " + name);
        }
    }

    void messages() throws Exception {
        Connection connection = open("/echo");
        connection.echoes("grüße, 世界 👋");
        byte[] bytes = new byte[256];
        for (int at = 0; at < bytes.length; at++) bytes[at] = (byte) at;
        connection.echoes(bytes);
        connection.end();
    }

    void empty() throws Exception {
        Connection connection = open("/echo");
        connection.echoes("");
        connection.echoes(new byte[0]);
        connection.echoes("something");
        connection.end();
    }

    void fragments() throws Exception {
        Connection connection = open("/fragments");
        for (String part : new String[] {"grü", "ße, "}) connection.socket.sendText(part, false).join();
        connection.socket.sendText("世界 👋", true).join();
        connection.hears("grüße, 世界 👋");
        for (String part : new String[] {"one", "two"}) {
            connection.socket.sendBinary(ByteBuffer.wrap(utf8(part)), false).join();
        }
        connection.socket.sendBinary(ByteBuffer.wrap(utf8("three")), true).join();
        connection.hears(utf8("onetwothree"));
        connection.end();
    }

    void large() throws Exception {
        Connection connection = open("/echo");
        connection.echoes(noise(LIMIT));
        try {
            connection.socket.sendBinary(ByteBuffer.wrap(noise(LIMIT + 1)), true).join();
        } catch (CompletionException refused) {
            // It may learn of the end before it has sent all.
        }
        Closed closed = (Closed) connection.take();
        same(closed.code, 1009);
        same(closed.reason.isEmpty(), false);
    }

    void plain() throws Exception {
        Connection connection = open("/echo");
        String text = "The quick brown fox jumps over the lazy dog. ".repeat(1000);
        for (int round = 0; round < 3; round++) {
            connection.echoes(text);
            connection.echoes(utf8(text));
            connection.echoes("short");
        }
        connection.echoes(noise(100_000));
        connection.end();
    }

    void ping() throws Exception {
        Connection ours = open("/echo");
        ours.socket.sendPing(ByteBuffer.wrap(utf8("are you there"))).join();
        same(ours.take(), new Pong("are you there"));
        ours.end();
        Connection theirs = open("/ping");
        theirs.hears("pong: are you there");
        theirs.end();
    }

    void close() throws Exception {
        Connection ours = open("/farewell");
        ours.echoes("hello");
        ours.socket.sendClose(3001, "done for today, tschüß").join();
        Connection seen = open("/seen");
        seen.hears("3001 done for today, tschüß");
        seen.end();
        Connection theirs = open("/close");
        same(theirs.take(), new Closed(4001, "enough of that, tschüß"));
    }

    void subprotocol() throws Exception {
        Connection connection = open(client(true), "/echo", "superchat", "chat.v1");
        same(connection.socket.getSubprotocol(), "chat.v1");
        connection.echoes("hello");
        connection.end();
    }

    void broadcast() throws Exception {
        Connection one = open("/broadcast");
        one.echoes("first");
        Connection two = open("/broadcast");
        two.echoes("second");
        one.hears("second");
        one.echoes("third");
        two.hears("third");
        one.end();
        two.end();
    }

    void secure() throws Exception {
        try {
            open(client(false), "/echo");
            throw new AssertionError("connected without the certificate authority");
        } catch (CompletionException refused) {
            same(refused.getCause() instanceof SSLHandshakeException, true);
        }
        messages();
    }

    void quiet() throws Exception {
        Connection silent = open("/silent");
        Connection beating = open("/heartbeat");
        Thread.sleep(QUIET_MS);
        if (silent.happened.isEmpty()) {
            throw new AssertionError("the proxy did not cut the silent connection");
        }
        beating.echoes("still here");
        beating.end();
    }

    Connection open(String path) throws Exception {
        return open(client(true), path);
    }

    Connection open(HttpClient client, String path, String... subprotocols) {
        Connection connection = new Connection();
        WebSocket.Builder builder = client.newWebSocketBuilder();
        if (subprotocols.length > 0) {
            builder.subprotocols(
                    subprotocols[0], Arrays.copyOfRange(subprotocols, 1, subprotocols.length));
        }
        connection.socket = builder.buildAsync(URI.create(uri + path), connection).join();
        return connection;
    }

    HttpClient client(boolean trust) throws Exception {
        HttpClient.Builder builder = HttpClient.newBuilder();
        if (proxy != null) {
            builder.proxy(
                    ProxySelector.of(new InetSocketAddress(proxy.getHost(), proxy.getPort())));
            String[] user = proxy.getUserInfo().split(":", 2);
            builder.authenticator(
                    new Authenticator() {
                        @Override
                        protected PasswordAuthentication getPasswordAuthentication() {
                            return new PasswordAuthentication(user[0], user[1].toCharArray());
                        }
                    });
        }
        if (trust && ca != null) {
            KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
            store.load(null);
            try (var file = Files.newInputStream(ca)) {
                store.setCertificateEntry(
                        "ca", CertificateFactory.getInstance("X.509").generateCertificate(file));
            }
            TrustManagerFactory factory =
                    TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            factory.init(store);
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, factory.getTrustManagers(), null);
            builder.sslContext(context);
        }
        return builder.build();
    }

    static byte[] noise(int length) {
        byte[] bytes = new byte[length];
        new Random(1).nextBytes(bytes);
        return bytes;
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static void same(Object actual, Object expected) {
        if (!actual.equals(expected)) {
            throw new AssertionError(actual + " instead of " + expected);
        }
    }

    record Pong(String payload) {}

    record Closed(int code, String reason) {}

    record Failed(Throwable error) {}

    /** A connection whose messages and other events are taken one by one. */
    static class Connection implements WebSocket.Listener {
        final BlockingQueue<Object> happened = new LinkedBlockingQueue<>();
        private final StringBuilder text = new StringBuilder();
        private final ByteArrayOutputStream binary = new ByteArrayOutputStream();
        WebSocket socket;

        Object take() throws InterruptedException {
            Object event = happened.poll(PATIENCE_S, TimeUnit.SECONDS);
            if (event == null) throw new AssertionError("nothing came");
            return event;
        }

        void echoes(String message) throws InterruptedException {
            socket.sendText(message, true).join();
            hears(message);
        }

        void echoes(byte[] message) throws InterruptedException {
            socket.sendBinary(ByteBuffer.wrap(message), true).join();
            hears(message);
        }

        void hears(String message) throws InterruptedException {
            same(take(), message);
        }

        void hears(byte[] message) throws InterruptedException {
            Object heard = take();
            if (!(heard instanceof byte[])) throw new AssertionError(heard + " came back");
            same(Arrays.equals((byte[]) heard, message), true);
        }

        void end() throws InterruptedException {
            socket.sendClose(WebSocket.NORMAL_CLOSURE, "").join();
            same(take(), new Closed(1000, ""));
        }

        @Override
        public CompletionStage<?> onText(WebSocket socket, CharSequence part, boolean last) {
            text.append(part);
            if (last) {
                happened.add(text.toString());
                text.setLength(0);
            }
            socket.request(1);
            return null;
        }

        @Override
        public CompletionStage<?> onBinary(WebSocket socket, ByteBuffer part, boolean last) {
            byte[] bytes = new byte[part.remaining()];
            part.get(bytes);
            binary.writeBytes(bytes);
            if (last) {
                happened.add(binary.toByteArray());
                binary.reset();
            }
            socket.request(1);
            return null;
        }

        @Override
        public CompletionStage<?> onPong(WebSocket socket, ByteBuffer payload) {
            happened.add(new Pong(StandardCharsets.UTF_8.decode(payload).toString()));
            socket.request(1);
            return null;
        }

        @Override
        public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
            happened.add(new Closed(code, reason));
            return null;
        }

        @Override
        public void onError(WebSocket socket, Throwable error) {
            happened.add(new Failed(error));
        }
    }
}
