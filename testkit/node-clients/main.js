// Logs with clients of Loki and with OpenTelemetry's SDK, as a program that uses them does: `node main.js pino|winston|opentelemetry URL`.
// What to log comes in on its input, one JSON object a line; all of it is handed over before it ends.

import { createInterface } from 'node:readline';
import { SeverityNumber } from '@opentelemetry/api';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';
import pino from 'pino';
import pinoLoki from 'pino-loki';
import winston from 'winston';
import LokiTransport from 'winston-loki';

/** The service whose log it is. */
const labels = { service_name: 'shop', host: 'web-1' };

/** pino with its transport for Loki: JSON, a stream a line. */
function withPino(host) {
  const transport = pinoLoki({ host, labels, batching: { interval: 0.1 } });
  const logger = pino({ level: 'debug', base: null, timestamp: false }, transport);
  return {
    log: ({ time, level, message, queue, job, number }) =>
      logger[level]({ time: Date.parse(time), number, meta: { queue, job_id: job } }, message),
    close: () => new Promise((resolve) => transport.end().on('close', resolve)),
  };
}

/** winston with its transport for Loki: protobuf in snappy. What could not be sent is sent again when it ends. */
function withWinston(host) {
  const format = winston.format.printf(({ message, number }) => JSON.stringify({ msg: message, number }));
  const onConnectionError = (error) => console.error('winston-loki:', error.message);
  const transport = new LokiTransport({
    host, labels, format, onConnectionError, json: false, interval: 0.1, replaceTimestamp: false, gracefulShutdown: false,
  });
  if (transport.batcher.contentType !== 'application/x-protobuf') throw new Error('snappy is not installed');
  const logger = winston.createLogger({ level: 'debug', transports: [transport] });
  return {
    log: ({ time, level, message, queue, job, number }) =>
      logger.log({ level, message, number, timestamp: time, labels: { queue, job_id: job } }),
    close: async () => {
      // Its logger is a stream: what it was told goes to the transport before its end does.
      await new Promise((resolve) => logger.on('finish', () => setImmediate(resolve)).end());
      await transport.close();
    },
  };
}

/** OpenTelemetry's SDK with its exporter for JSON, compressed. */
function withTelemetry(url) {
  const exporter = new OTLPLogExporter({ url: `${url}/v1/logs`, compression: 'gzip' });
  const provider = new LoggerProvider({
    resource: resourceFromAttributes({ 'service.name': 'shop', 'host.name': 'web-1' }),
    processors: [new BatchLogRecordProcessor({ exporter, scheduledDelayMillis: 100 })],
  });
  const logger = provider.getLogger('node-clients');
  return {
    log: ({ time, level, message, queue, job, number }) => logger.emit({
      timestamp: new Date(time), severityNumber: SeverityNumber[level.toUpperCase()], severityText: level.toUpperCase(), body: message,
      attributes: { 'messaging.destination.name': queue, 'messaging.message.id': job, number },
    }),
    close: () => provider.shutdown(),
  };
}

const [name, host] = process.argv.slice(2);
const open = { pino: withPino, winston: withWinston, opentelemetry: withTelemetry }[name];
if (!open || !host) throw new Error('usage: node main.js pino|winston|opentelemetry URL');
const client = open(host);
for await (const line of createInterface({ input: process.stdin })) client.log(JSON.parse(line));
await client.close();
