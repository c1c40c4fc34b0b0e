import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.context.Scope;
import java.util.logging.Level;
import java.util.logging.Logger;

/**
 * A worker that fails in a span, under the unmodified Java agent of OpenTelemetry; all settings come from the environment. Says `raised` when it has
 * failed, and ends when its input does: the agent then lets go of its telemetry.
 */
public class Worker {
  private static final Logger LOGGER = Logger.getLogger("worker");

  static void load(String model) {
    throw new IllegalStateException("no weights of " + model);
  }

  static void synthesise(String model) {
    try {
      load(model);
    } catch (IllegalStateException cause) {
      throw new RuntimeException(model + " failed", cause);
    }
  }

  static void work() {
    Span span = GlobalOpenTelemetry.getTracer("worker").spanBuilder("dub")
        .setAttribute("user.id", "user-42").setAttribute("user.email", "someone@example.com")
        .setAttribute("gen_ai.request.model", "xtts-v2").setAttribute("job.stage", "tts")
        .setAttribute("http.response.status_code", 500L).startSpan();
    try (Scope scope = span.makeCurrent()) {
      LOGGER.info("loading the model");
      LOGGER.warning("retrying for someone@example.com");
      synthesise("xtts-v2");
    } catch (RuntimeException error) {
      // The scope is closed by now: this log record has no trace.
      LOGGER.log(Level.SEVERE, "dubbing failed", error);
      span.recordException(error);
      span.setStatus(StatusCode.ERROR);
    } finally {
      span.end();
    }
  }

  public static void main(String[] arguments) throws Exception {
    work();
    System.out.println("raised");
    System.in.readAllBytes();
  }
}
