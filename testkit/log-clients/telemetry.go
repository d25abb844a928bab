package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
)

// telemetry is OpenTelemetry's SDK with its exporters over HTTP: a record for each entry, and metrics about them.
type telemetry struct {
	logs    *sdklog.LoggerProvider
	meters  *sdkmetric.MeterProvider
	logger  log.Logger
	entries metric.Int64Counter
	lengths metric.Int64Histogram
}

func newTelemetry(ctx context.Context, url string) (client, error) {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { fmt.Fprintln(os.Stderr, "opentelemetry:", err) }))
	about := resource.NewSchemaless(attribute.String("service.name", service), attribute.String("host.name", host))
	logs, err := otlploghttp.New(ctx, otlploghttp.WithEndpointURL(url+"/v1/logs"), otlploghttp.WithCompression(otlploghttp.GzipCompression))
	if err != nil {
		return nil, err
	}
	metrics, err := otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpointURL(url+"/v1/metrics"))
	if err != nil {
		return nil, err
	}
	made := telemetry{
		logs: sdklog.NewLoggerProvider(sdklog.WithResource(about),
			sdklog.WithProcessor(sdklog.NewBatchProcessor(logs, sdklog.WithExportInterval(100*time.Millisecond)))),
		meters: sdkmetric.NewMeterProvider(sdkmetric.WithResource(about), sdkmetric.WithReader(sdkmetric.NewPeriodicReader(metrics))),
	}
	made.logger = made.logs.Logger("log-clients")
	meter := made.meters.Meter("log-clients")
	var first, second error
	made.entries, first = meter.Int64Counter("shop.entries", metric.WithUnit("{entry}"), metric.WithDescription("Entries logged."))
	made.lengths, second = meter.Int64Histogram("shop.length", metric.WithUnit("By"), metric.WithDescription("Bytes of an entry."),
		metric.WithExplicitBucketBoundaries(16, 32, 64, 128))
	return made, errors.Join(first, second)
}

func (c telemetry) log(ctx context.Context, one entry) error {
	var record log.Record
	record.SetTimestamp(one.Time)
	record.SetSeverity(map[string]log.Severity{
		"debug": log.SeverityDebug, "info": log.SeverityInfo, "warn": log.SeverityWarn, "error": log.SeverityError,
	}[one.Level])
	record.SetSeverityText(strings.ToUpper(one.Level))
	record.SetBody(attribute.StringValue(one.Message))
	record.AddAttributes(attribute.String("messaging.destination.name", one.Queue), attribute.String("messaging.message.id", one.Job),
		attribute.Int("number", one.Number))
	c.logger.Emit(ctx, record)
	level := metric.WithAttributes(attribute.String("level", one.Level))
	c.entries.Add(ctx, 1, level)
	c.lengths.Record(ctx, int64(len(one.Message)), level)
	return nil
}

func (c telemetry) close(ctx context.Context) error {
	return errors.Join(c.logs.Shutdown(ctx), c.meters.Shutdown(ctx))
}
