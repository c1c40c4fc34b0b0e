import { of } from '../metric.ts'

const { counter, gauge, histogram } = of('platform')

/**
 * What the platform must provide under these names, over OTLP through the gateway or by a scrape of its own. Rules and boards that need one of them are
 * empty without it.
 */
export const PLATFORM_METRICS = [
  // Prometheus itself, and its blackbox exporter.
  gauge(
    'up',
    '',
    '1 while Prometheus can scrape a target. The API’s job is api, backend or frontend, or ends with one of them after a slash.'
  ),
  gauge('probe_success', '', '1 while a probe of the blackbox exporter succeeds; job as for up.'),
  // Gauges and counters of the services, over OTLP.
  gauge('queue_depth', 'stage', 'Jobs that wait, by stage.'),
  gauge('active_websocket_connections', '', 'Open WebSocket connections.'),
  counter('websocket_errors_total', 'reason', 'WebSocket connections that failed.'),
  counter('websocket_reconnects_total', '', 'WebSocket connections that were made again.'),
  histogram('websocket_message_duration_seconds', '', 'From when a message for a browser is ready to when it was sent.'),
  gauge('worker_busy', 'stage', 'Workers that work on a job, by stage.'),
  gauge('worker_count', 'stage', 'Workers that there are, by stage.'),
  gauge('model_memory_bytes', 'model', 'GPU memory that a loaded model takes, by model.'),
  histogram('model_batch_size', 'model', 'Inputs that went through a model at once.'),
  // OpenTelemetry’s db.client.connection.*, over OTLP.
  gauge('db_client_connection_count', 'db_client_connection_pool_name db_client_connection_state', 'Connections of a pool: idle and used.'),
  gauge('db_client_connection_max', 'db_client_connection_pool_name', 'Connections that a pool may open.'),
  counter('db_client_connection_timeouts_total', 'db_client_connection_pool_name', 'Waits for a connection that ended without one.'),
  // postgres_exporter and redis_exporter; for another database, record these names from what its exporter shows.
  gauge('pg_up', '', '1 while the database answers.'),
  counter('pg_stat_database_xact_commit', 'datname', 'Transactions that were committed.'),
  counter('pg_stat_database_xact_rollback', 'datname', 'Transactions that were rolled back.'),
  gauge('redis_up', '', '1 while Redis answers.'),
  // node_exporter and kubelet.
  gauge('node_filesystem_avail_bytes', 'device fstype mountpoint', 'Room that is left for programs.'),
  gauge('node_filesystem_size_bytes', 'device fstype mountpoint', 'Size of the file system.'),
  gauge('kubelet_volume_stats_available_bytes', 'namespace persistentvolumeclaim', 'Room that is left on a volume.'),
  gauge('kubelet_volume_stats_capacity_bytes', 'namespace persistentvolumeclaim', 'Size of a volume.'),
  gauge('container_memory_working_set_bytes', 'namespace pod container', 'Memory of a container that cannot be given back.'),
  gauge('kube_pod_container_resource_limits', 'namespace pod container resource unit', 'What a container may take, of kube-state-metrics.'),
  gauge('kube_pod_container_status_ready', 'namespace pod container', '1 while a container is ready, of kube-state-metrics.'),
  gauge('kube_pod_init_container_resource_limits', 'namespace pod container resource unit', 'The same of init containers.'),
  gauge('kube_pod_init_container_status_ready', 'namespace pod container', 'The same of init containers, which native sidecars are.'),
  gauge('kube_pod_status_phase', 'namespace pod phase', '1 for the phase that a pod is in, of kube-state-metrics.'),
  // The API server of Kubernetes. What it counts when a webhook cannot be called, by the name of the webhook.
  counter(
    'apiserver_admission_webhook_fail_open_count',
    'name type',
    'Objects that were admitted as they came, since a webhook could not be called; of the API server.'
  ),
  counter(
    'apiserver_admission_webhook_rejection_count',
    'name type operation error_type rejection_code',
    'Objects that were not admitted: by a webhook, or since it could not be called; of the API server.'
  ),
  // What the backend knows of its users, over OTLP.
  gauge('active_users', 'period', 'Users that were active; period is day, week or month.'),
  counter('projects_created_total', 'tier', 'Projects that were created.'),
  counter('videos_processed_total', 'tier', 'Videos that were dubbed.'),
  counter('processing_minutes_total', 'tier', 'Minutes of video that were processed.'),
  gauge('subscriptions_active', 'tier', 'Subscriptions that run.'),
  counter('subscription_conversions_total', 'tier', 'Users that became subscribers.'),
  counter('subscription_cancellations_total', 'tier', 'Subscriptions that were ended by their owners.')
]
