import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.common.TopicPartition;

/** A member of a group that prints what it has, until its standard input ends: `Member BROKERS GROUP TOPIC ASSIGNORS`. */
public class Member {
    public static void main(String[] args) throws Exception {
        Properties p = new Properties();
        p.put("bootstrap.servers", args[0]);
        p.put("group.id", args[1]);
        p.put("partition.assignment.strategy", args[3]);
        p.put("session.timeout.ms", "6000");
        p.put("heartbeat.interval.ms", "250");
        p.put("enable.auto.commit", "false");
        p.put("key.deserializer", "org.apache.kafka.common.serialization.ByteArrayDeserializer");
        p.put("value.deserializer", "org.apache.kafka.common.serialization.ByteArrayDeserializer");
        KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(p);
        consumer.subscribe(Collections.singletonList(args[2]));
        Set<Integer> before = null;
        while (System.in.available() == 0) {
            poll(consumer);
            Set<Integer> now = new TreeSet<>();
            for (Object tp : assignment(consumer)) now.add(((TopicPartition) tp).partition());
            if (!now.equals(before)) {
                StringBuilder line = new StringBuilder("has");
                for (int partition : now) line.append(' ').append(partition);
                System.out.println(line);
                System.out.flush();
                before = now;
            }
        }
        consumer.close();
    }

    /** Its type of time differs between releases. */
    static void poll(Consumer<byte[], byte[]> consumer) throws Exception {
        try {
            Consumer.class.getMethod("poll", Duration.class).invoke(consumer, Duration.ofMillis(50));
        } catch (NoSuchMethodException e) {
            Consumer.class.getMethod("poll", long.class).invoke(consumer, 50L);
        }
    }

    static Collection<?> assignment(Consumer<byte[], byte[]> consumer) {
        return consumer.assignment();
    }
}
