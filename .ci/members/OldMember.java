import java.util.*;
import kafka.consumer.*;
import kafka.javaapi.consumer.ConsumerConnector;
import kafka.message.MessageAndMetadata;
import org.I0Itec.zkclient.ZkClient;
import org.I0Itec.zkclient.exception.ZkMarshallingError;
import org.I0Itec.zkclient.serialize.ZkSerializer;

/**
 * Kafka's consumer before 0.9 as a member of a group in ZooKeeper: `OldMember ZK GROUP TOPIC [NAME=VALUE...]`. It prints what
 * happens to it as `tests/member.rs` does, and commits what it has printed and flushed. It leaves in order when its standard
 * input ends.
 */
public class OldMember {
    static volatile boolean stop = false;
    static Set<Integer> had = null;

    public static void main(String[] args) throws Exception {
        String name = "old-" + UUID.randomUUID();
        Properties settings = new Properties();
        settings.put("zookeeper.connect", args[0]);
        settings.put("group.id", args[1]);
        settings.put("consumer.id", name);
        settings.put("auto.commit.enable", "false");
        settings.put("offsets.storage", "zookeeper");
        settings.put("consumer.timeout.ms", "50");
        settings.put("rebalance.backoff.ms", "500");
        settings.put("rebalance.max.retries", "100");
        for (String setting : Arrays.asList(args).subList(3, args.length)) {
            String[] sides = setting.split("=", 2);
            settings.put(sides[0], sides[1]);
        }
        Thread input = new Thread(OldMember::awaitEnd);
        input.setDaemon(true);
        input.start();
        ZkClient nodes = new ZkClient(args[0], 6000, 10000, new Text());
        ConsumerConnector consumer = Consumer.createJavaConsumerConnector(new ConsumerConfig(settings));
        List<KafkaStream<byte[], byte[]>> streams =
            consumer.createMessageStreams(Collections.singletonMap(args[2], 1)).get(args[2]);
        ConsumerIterator<byte[], byte[]> messages = streams.get(0).iterator();
        Thread owned = new Thread(() -> watchOwned(nodes, "/consumers/" + args[1] + "/owners/" + args[2], args[1] + "_" + name));
        owned.setDaemon(true);
        owned.start();
        while (!stop) {
            StringBuilder lines = new StringBuilder();
            for (int count = 0; count < 1000 && hasNext(messages); count++) {
                MessageAndMetadata<byte[], byte[]> one = messages.next();
                if (count == 0) lines.append("batch ").append(System.currentTimeMillis()).append('\n');
                lines.append(one.partition()).append(' ').append(one.offset()).append(' ');
                lines.append(new String(one.message(), "UTF-8")).append('\n');
            }
            if (lines.length() == 0) continue;
            print(lines.toString());
            consumer.commitOffsets();
        }
        consumer.shutdown();
        System.exit(0);
    }

    static boolean hasNext(ConsumerIterator<byte[], byte[]> messages) {
        try {
            return messages.hasNext();
        } catch (ConsumerTimeoutException e) {
            return false;
        }
    }

    static synchronized void print(String lines) {
        System.out.print(lines);
        System.out.flush();
    }

    /** This consumer does not tell what it has; the nodes of owners do. */
    static void watchOwned(ZkClient nodes, String owners, String member) {
        while (true) {
            Set<Integer> has = new TreeSet<>();
            if (nodes.exists(owners)) {
                for (String partition : nodes.getChildren(owners)) {
                    String owner = nodes.readData(owners + "/" + partition, true);
                    if (owner != null && owner.startsWith(member)) has.add(Integer.parseInt(partition));
                }
            }
            if (!has.equals(had)) {
                had = has;
                StringBuilder line = new StringBuilder("has");
                for (int partition : has) line.append(' ').append(partition);
                print(line.append('\n').toString());
            }
            try {
                Thread.sleep(100);
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    static void awaitEnd() {
        try {
            while (System.in.read() >= 0) {}
        } catch (java.io.IOException e) {
            // It has ended in another way.
        }
        stop = true;
    }

    static class Text implements ZkSerializer {
        public byte[] serialize(Object text) throws ZkMarshallingError {
            return ((String) text).getBytes();
        }

        public Object deserialize(byte[] bytes) throws ZkMarshallingError {
            return bytes == null ? null : new String(bytes);
        }
    }
}
