import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Kafka's own consumer, set as for speed. Prints records, seconds and CPU seconds of its second half, when it is warm. */
public class Consume {
    public static void main(String[] arguments) {
        String topic = arguments[1];
        long records = Long.parseLong(arguments[2]);
        Properties settings = new Properties();
        settings.put("bootstrap.servers", arguments[0]);
        settings.put("enable.auto.commit", "false");
        settings.put("auto.offset.reset", "earliest");
        settings.put("fetch.max.bytes", Integer.toString(64 << 20));
        settings.put("max.partition.fetch.bytes", Integer.toString(8 << 20));
        settings.put("max.poll.records", "500000");
        List<TopicPartition> all =
            IntStream.range(0, Integer.parseInt(arguments[3])).mapToObj(p -> new TopicPartition(topic, p)).toList();
        var bytes = new ByteArrayDeserializer();
        try (var consumer = new KafkaConsumer<byte[], byte[]>(settings, bytes, bytes)) {
            consumer.assign(all);
            consumer.seekToBeginning(all);
            long seen = 0, size = 0, warmAt = 0, time = 0, cpu = 0;
            while (seen < records) {
                ConsumerRecords<byte[], byte[]> some = consumer.poll(Duration.ofSeconds(60));
                if (some.isEmpty()) {
                    throw new IllegalStateException("no record comes");
                }
                for (ConsumerRecord<byte[], byte[]> one : some) {
                    size += one.value().length;
                }
                seen += some.count();
                if (warmAt == 0 && seen >= records / 2) {
                    warmAt = seen;
                    time = System.nanoTime();
                    cpu = cpuNanos();
                }
            }
            double seconds = (System.nanoTime() - time) / 1e9;
            double cpuSeconds = (cpuNanos() - cpu) / 1e9;
            System.out.printf("%d %.6f %.2f%n", seen - warmAt, seconds, cpuSeconds);
            if (size == 0) {
                throw new IllegalStateException("records without values");
            }
        }
    }

    private static long cpuNanos() {
        var system = (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        return system.getProcessCpuTime();
    }
}
