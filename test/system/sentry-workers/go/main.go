// A worker that fails in a span, with the unmodified OpenTelemetry SDK; all settings come from the environment.
// Says `raised` when it has failed, and lets go of its telemetry when its input ends.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func load(model string) error {
	return errors.New("no weights of " + model)
}

func synthesise(span trace.Span, model string) {
	if err := load(model); err != nil {
		span.RecordError(fmt.Errorf("%s failed: %w", model, err), trace.WithStackTrace(true))
		span.SetStatus(codes.Error, "failed")
	}
}

func main() {
	ctx := context.Background()
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(must(otlptracehttp.New(ctx))))
	loggers := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(must(otlploghttp.New(ctx)))))
	logger := loggers.Logger("worker")
	say := func(ctx context.Context, severity log.Severity, text string) {
		var record log.Record
		record.SetSeverity(severity)
		record.SetBody(attribute.StringValue(text))
		logger.Emit(ctx, record)
	}

	inside, span := provider.Tracer("worker").Start(ctx, "dub", trace.WithAttributes(
		attribute.String("user.id", "user-42"), attribute.String("user.email", "someone@example.com"),
		attribute.String("gen_ai.request.model", "xtts-v2"), attribute.String("job.stage", "tts"),
		attribute.Int("http.response.status_code", 500)))
	say(inside, log.SeverityInfo, "loading the model")
	say(inside, log.SeverityWarn, "retrying for someone@example.com")
	synthesise(span, "xtts-v2")
	span.End()

	fmt.Println("raised")
	must(io.ReadAll(os.Stdin))
	must(0, provider.Shutdown(ctx))
	must(0, loggers.Shutdown(ctx))
}
