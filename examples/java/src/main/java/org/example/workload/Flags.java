package org.example.workload;

import io.spiffe.spiffeid.SpiffeId;
import java.net.InetSocketAddress;
import java.net.URI;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;

/** The command line: pairs of -name and value. */
final class Flags {
    static final int EXIT_FAILED = 1;
    static final int EXIT_USAGE = 2;
    static final int EXIT_NO_IDENTITY = 3;
    private static final Duration LONGEST_END = Duration.ofSeconds(15);

    private final Map<String, String> values;
    private final Set<SpiffeId> authorize = new HashSet<>();

    private Flags(String[] arguments, Map<String, String> defaults) {
        values = new HashMap<>(defaults);
        for (int i = 0; i < arguments.length; i += 2) {
            set(arguments[i], i + 1 < arguments.length ? arguments[i + 1] : "");
        }
        if (authorize.isEmpty()) {
            throw new Mistake("give at least one -authorize SPIFFE_ID");
        }
    }

    private void set(String name, String value) {
        if (name.equals("-authorize")) {
            authorize.add(parse(name, value, SpiffeId::parse));
        } else if (values.containsKey(name) && !value.isEmpty()) {
            values.put(name, value);
        } else {
            throw new Mistake(name + " is no flag, or has no value");
        }
    }

    /** What a program does until it is done or told to end; gives its exit code. */
    interface Program {
        int run(Flags flags, CountDownLatch ended) throws Exception;
    }

    /** Reads the command line of a program that knows -authorize and the flags with defaults, and runs it. */
    static void run(String[] arguments, Map<String, String> defaults, Program program) throws Exception {
        CountDownLatch ended = new CountDownLatch(1);
        // SIGTERM and Ctrl-C start this; the program then ends by itself, with a code of its own.
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            ended.countDown();
            LockSupport.parkNanos(LONGEST_END.toNanos());
        }));
        int code;
        try {
            code = program.run(new Flags(arguments, defaults), ended);
        } catch (Mistake mistake) {
            System.err.println(mistake.getMessage() + "\nflags: -authorize SPIFFE_ID (may be repeated), and with defaults "
                    + defaults);
            code = EXIT_USAGE;
        }
        Runtime.getRuntime().halt(code);
    }

    /** The IDs that a peer may have. */
    Set<SpiffeId> authorize() {
        return Set.copyOf(authorize);
    }

    InetSocketAddress address(String name) {
        return parse(name, values.get(name), value -> {
            URI uri = URI.create("any://" + value);
            return new InetSocketAddress(uri.getHost(), uri.getPort());
        });
    }

    int number(String name) {
        return parse(name, values.get(name), Integer::parseInt);
    }

    /** A time such as 100ms, 30s or 2m. */
    Duration time(String name) {
        return parse(name, values.get(name), value -> value.endsWith("ms")
                ? Duration.ofMillis(Long.parseLong(value.substring(0, value.length() - 2)))
                : Duration.parse("PT" + value));
    }

    private static <T> T parse(String name, String value, Function<String, T> parser) {
        try {
            return parser.apply(value);
        } catch (RuntimeException why) {
            throw new Mistake(name + " " + value + ": " + why.getMessage());
        }
    }

    /** In what was written on the command line. */
    private static final class Mistake extends RuntimeException {
        private static final long serialVersionUID = 1;

        Mistake(String text) {
            super(text);
        }
    }
}
