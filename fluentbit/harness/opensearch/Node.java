import java.nio.file.Path;
import java.util.List;
import org.opensearch.Version;
import org.opensearch.common.settings.Settings;
import org.opensearch.env.Environment;
import org.opensearch.http.HttpServerTransport;
import org.opensearch.plugins.PluginInfo;
import org.opensearch.transport.Netty4ModulePlugin;

/** An OpenSearch node on a free port of 127.0.0.1, its data in the folder that is named. It ends when its input does. */
class Node extends org.opensearch.node.Node {
    Node(Environment environment) {
        super(environment, List.of(new PluginInfo("netty", "HTTP", "1", Version.CURRENT, "21", Netty4ModulePlugin.class.getName(), List.of(), false)), false);
    }

    public static void main(String[] args) throws Exception {
        Path home = Path.of(args[0]);
        Settings settings = Settings.builder()
            .put("path.home", home)
            .put("cluster.name", "weir")
            .put("discovery.type", "single-node")
            .put("network.host", "127.0.0.1")
            .put("http.port", "0")
            .put("transport.port", "0")
            .put("cluster.routing.allocation.disk.threshold_enabled", false)
            .build();
        try (Node node = new Node(new Environment(settings, home.resolve("config")))) {
            node.start();
            System.out.println("listening on " + node.injector().getInstance(HttpServerTransport.class).boundAddress().publishAddress());
            while (System.in.read() >= 0) {}
        }
        System.exit(0);
    }
}
