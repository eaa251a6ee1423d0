import java.lang.reflect.Method;
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.common.TopicPartition;

/**
 * Kafka's own consumer as a member of a group: `Member BROKERS GROUP TOPIC [NAME=VALUE...]`. It prints what happens to it as
 * `tests/member.rs` does, and commits what it has printed and flushed. It leaves in order when its standard input ends.
 */
public class Member {
    static volatile boolean stop = false;

    public static void main(String[] args) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        settings.put("group.id", args[1]);
        settings.put("enable.auto.commit", "false");
        settings.put("key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        settings.put("value.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        for (String setting : Arrays.asList(args).subList(3, args.length)) {
            String[] sides = setting.split("=", 2);
            boolean isShort = sides[0].equals("partition.assignment.strategy");
            settings.put(sides[0], isShort ? assignors(sides[1]) : sides[1]);
        }
        Thread input = new Thread(Member::awaitEnd);
        input.setDaemon(true);
        input.start();
        KafkaConsumer<String, String> consumer = new KafkaConsumer<>(settings);
        consumer.subscribe(Collections.singletonList(args[2]));
        Set<Integer> had = null;
        while (!stop) {
            ConsumerRecords<String, String> records = poll(consumer);
            Set<Integer> has = new TreeSet<>();
            for (Object partition : assignment(consumer)) has.add(((TopicPartition) partition).partition());
            StringBuilder lines = new StringBuilder();
            if (!has.equals(had)) {
                lines.append("has");
                for (int partition : has) lines.append(' ').append(partition);
                lines.append('\n');
                had = has;
            }
            if (!records.isEmpty()) lines.append("batch ").append(System.currentTimeMillis()).append('\n');
            for (ConsumerRecord<String, String> one : records) {
                lines.append(one.partition()).append(' ').append(one.offset()).append(' ').append(one.value()).append('\n');
            }
            System.out.print(lines);
            System.out.flush();
            if (!records.isEmpty()) commit(consumer);
        }
        consumer.close();
    }

    static void awaitEnd() {
        try {
            while (System.in.read() >= 0) {}
        } catch (java.io.IOException e) {
            // It has ended in another way.
        }
        stop = true;
    }

    /** What is not committed, as the partitions are others' by now, the others read again. */
    static void commit(KafkaConsumer<String, String> consumer) {
        try {
            consumer.commitSync();
        } catch (RuntimeException e) {
            System.out.println("told commit: " + e.getClass().getSimpleName());
        }
    }

    /** The type of its time differs between releases. */
    @SuppressWarnings("unchecked")
    static ConsumerRecords<String, String> poll(Consumer<String, String> consumer) throws Exception {
        Object records;
        try {
            Method poll = Consumer.class.getMethod("poll", Duration.class);
            records = poll.invoke(consumer, Duration.ofMillis(50));
        } catch (NoSuchMethodException e) {
            records = Consumer.class.getMethod("poll", long.class).invoke(consumer, 50L);
        }
        return (ConsumerRecords<String, String>) records;
    }

    static Collection<?> assignment(Consumer<String, String> consumer) {
        return consumer.assignment();
    }

    static String assignors(String names) {
        Map<String, String> classes = new HashMap<>();
        classes.put("range", "Range");
        classes.put("roundrobin", "RoundRobin");
        classes.put("sticky", "Sticky");
        classes.put("cooperative-sticky", "CooperativeSticky");
        StringBuilder all = new StringBuilder();
        for (String name : names.split(",")) {
            if (all.length() > 0) all.append(',');
            all.append("org.apache.kafka.clients.consumer.").append(classes.get(name)).append("Assignor");
        }
        return all.toString();
    }
}
