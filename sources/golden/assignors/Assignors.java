import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.*;
import org.apache.kafka.clients.consumer.internals.*;
import org.apache.kafka.common.*;
public class Assignors {
  static String show(List<TopicPartition> ps) {
    List<TopicPartition> l = new ArrayList<>(ps);
    l.sort(Comparator.comparing(TopicPartition::topic).thenComparing(TopicPartition::partition));
    StringJoiner j = new StringJoiner(",");
    for (TopicPartition p : l) j.add(p.toString());
    return j.toString();
  }
  public static void main(String[] a) {
    Random r = new Random(20260101);
    String[] kinds = {"range", "roundrobin", "sticky", "cooperative-sticky"};
    for (int c = 0; c < 200; c++) {
      String kind = kinds[c % 4];
      int topics = 1 + r.nextInt(4), members = 1 + r.nextInt(6);
      boolean equal = r.nextInt(3) > 0, fresh = r.nextInt(4) == 0;
      TreeMap<String,Integer> counts = new TreeMap<>();
      for (int t = 0; t < topics; t++) counts.put("" + (char)('p' + t), 1 + r.nextInt(8));
      List<TopicPartition> all = new ArrayList<>();
      counts.forEach((t, n) -> { for (int i = 0; i < n; i++) all.add(new TopicPartition(t, i)); });
      Collections.shuffle(all, r);
      Map<String, Subscription> subs = new LinkedHashMap<>();
      StringBuilder in = new StringBuilder();
      int at = 0;
      boolean stat = r.nextInt(4) == 0;
      for (int m = 0; m < members; m++) {
        String id = "" + (char)('a' + m);
        List<String> ts = new ArrayList<>();
        for (String t : counts.keySet()) if (equal || r.nextInt(3) > 0) ts.add(t);
        if (ts.isEmpty()) ts.add("p");
        List<TopicPartition> owned = new ArrayList<>();
        int take = fresh || r.nextInt(5) == 0 ? 0 : r.nextInt(2 * all.size() / members + 1);
        for (; take > 0 && at < all.size(); take--, at++)
          if (ts.contains(all.get(at).topic())) owned.add(all.get(at));
        int generation = owned.isEmpty() ? -1 : r.nextInt(4) == 0 ? 4 : 5;
        Optional<Integer> g = generation < 0 ? Optional.empty() : Optional.of(generation);
        java.nio.ByteBuffer data = null;
        if (kind.equals("sticky")) {
          StickyAssignor s = new StickyAssignor();
          if (!owned.isEmpty()) {
            s.onAssignment(new Assignment(owned), new ConsumerGroupMetadata("g", generation, id, Optional.empty()));
            data = s.subscriptionUserData(new HashSet<>(ts));
          }
        }
        Subscription s = new Subscription(ts, data, owned, generation, Optional.empty());
        String inst = stat && r.nextBoolean() ? "" + (char)('z' - m) : "";
        if (!inst.isEmpty()) s.setGroupInstanceId(Optional.of(inst));
        subs.put(id, s);
        in.append(" ").append(id).append("/").append(inst).append("/").append(String.join(",", ts)).append("/")
          .append(show(owned)).append("/").append(generation);
      }
      // As the client does before it asks an assignor.
      counts.keySet().removeIf(t -> subs.values().stream().noneMatch(s -> s.topics().contains(t)));
      AbstractPartitionAssignor as = kind.equals("range") ? new RangeAssignor() : kind.equals("roundrobin") ? new RoundRobinAssignor()
        : kind.equals("sticky") ? new StickyAssignor() : new CooperativeStickyAssignor();
      Map<String, List<TopicPartition>> out = as.assign(counts, subs);
      if (kind.equals("cooperative-sticky")) {
        Map<String, List<org.apache.kafka.common.PartitionInfo>> infos = new TreeMap<>();
        counts.forEach((t, n) -> { List<org.apache.kafka.common.PartitionInfo> l = new ArrayList<>();
          for (int i = 0; i < n; i++) l.add(new org.apache.kafka.common.PartitionInfo(t, i, Node.noNode(), new Node[0], new Node[0])); infos.put(t, l); });
        out = new CooperativeStickyAssignor().assignPartitions(infos, subs);
      }
      StringBuilder res = new StringBuilder();
      for (String id : subs.keySet()) res.append(" ").append(id).append("/").append(show(out.get(id)));
      StringJoiner cs = new StringJoiner(",");
      counts.forEach((t, n) -> cs.add(t + "=" + n));
      System.out.println(kind + " " + cs + " |" + in + " |" + res);
    }
  }
}
