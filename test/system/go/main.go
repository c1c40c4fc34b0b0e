// Sends spans, logs and a counter through the unmodified OpenTelemetry SDK; the endpoint and the protocol come from the environment.
// Usage: client SPANS ERROR_EVERY LOGS. Prints the ids of the error spans as JSON.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
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

func main() {
	ctx := context.Background()
	spans, errorEvery, logs := must(strconv.Atoi(os.Args[1])), must(strconv.Atoi(os.Args[2])), must(strconv.Atoi(os.Args[3]))
	grpc := os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL") == "grpc"
	var traces sdktrace.SpanExporter
	var records sdklog.Exporter
	var metrics sdkmetric.Exporter
	if grpc {
		traces, records, metrics = must(otlptracegrpc.New(ctx)), must(otlploggrpc.New(ctx)), must(otlpmetricgrpc.New(ctx))
	} else {
		traces, records, metrics = must(otlptracehttp.New(ctx)), must(otlploghttp.New(ctx)), must(otlpmetrichttp.New(ctx))
	}
	res := resource.NewSchemaless(attribute.String("service.name", "go-worker"))
	processor := sdktrace.NewBatchSpanProcessor(traces, sdktrace.WithBlocking())
	provider := sdktrace.NewTracerProvider(sdktrace.WithResource(res), sdktrace.WithSpanProcessor(processor))
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithResource(res), sdkmetric.WithReader(sdkmetric.NewPeriodicReader(metrics)))
	loggers := sdklog.NewLoggerProvider(sdklog.WithResource(res), sdklog.WithProcessor(sdklog.NewBatchProcessor(records, sdklog.WithMaxQueueSize(logs))))
	tracer, logger := provider.Tracer("client"), loggers.Logger("client")
	calls := must(meters.Meter("client").Int64Counter("client.calls"))
	stage := metric.WithAttributes(attribute.String("stage", "tts"))

	failed := []string{}
	for i := 0; i < spans; i++ {
		_, span := tracer.Start(ctx, "GET /projects/:id", trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
			attribute.String("http.request.method", "GET"), attribute.String("http.route", "/projects/:id"), attribute.Int("http.response.status_code", 200)))
		if i%errorEvery == 0 {
			span.SetStatus(codes.Error, "model ran out of memory")
			failed = append(failed, span.SpanContext().SpanID().String())
		}
		span.End()
		calls.Add(ctx, 1, stage)
	}
	for i := 0; i < logs; i++ {
		var record log.Record
		record.SetSeverity(log.SeverityInfo)
		record.SetBody(attribute.StringValue(fmt.Sprintf("line %d", i)))
		logger.Emit(ctx, record)
	}
	for _, shutdown := range []func(context.Context) error{provider.Shutdown, loggers.Shutdown, meters.Shutdown} {
		if err := shutdown(ctx); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	must(0, json.NewEncoder(os.Stdout).Encode(map[string][]string{"errors": failed}))
}
