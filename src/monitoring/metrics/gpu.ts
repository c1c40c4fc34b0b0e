import { of } from '../metric.ts'

const { counter, gauge } = of(
  'gpu',
  'gpu_index hw_id hw_model hw_name hw_parent gpu_mig_profile gpu_mig_gpu_instance_id gpu_mig_compute_instance_id'
)

/** What the GPUs are like. Not every GPU and driver has all of them. */
export const GPU_METRICS = [
  gauge('gpu_bar1_limit_bytes', '', 'Size of the window through which the machine sees the memory.'),
  gauge('gpu_bar1_usage_bytes', '', 'Used part of the window through which the machine sees the memory.'),
  gauge('gpu_clock_frequency_hertz', 'gpu_clock_domain', 'Frequency at which a part of the GPU runs.'),
  gauge('gpu_clock_limit_hertz', 'gpu_clock_domain', 'Frequency at which a part of the GPU can run at most.'),
  gauge(
    'gpu_container_memory_usage_bytes',
    'k8s_namespace_name k8s_pod_name k8s_pod_uid k8s_container_name container_id',
    'GPU memory of all processes of a container; without a pod, of those whose pod is not known.'
  ),
  gauge(
    'gpu_container_processes',
    'k8s_namespace_name k8s_pod_name k8s_pod_uid k8s_container_name container_id',
    'Processes of a container on the GPU; without a pod, those whose pod is not known.'
  ),
  gauge('gpu_drain_and_reset_recommended', '', '1 when the GPU should be drained and reset.'),
  gauge('gpu_ecc_channel_repair_pending', '', '1 when a memory channel is repaired at the next reset.'),
  gauge('gpu_ecc_enabled', '', '1 when memory errors are looked for and corrected.'),
  gauge('gpu_ecc_sram_threshold_exceeded', '', '1 when SRAM has had more errors than it may.'),
  gauge('gpu_ecc_tpc_repair_pending', '', '1 when a processing cluster is repaired at the next reset.'),
  gauge('gpu_ecc_unrepairable_memory', '', '1 when memory cannot be repaired.'),
  gauge('gpu_encoder_frames_per_second', '', 'Frames that the video encoder makes, as a mean of its sessions.'),
  gauge('gpu_encoder_latency_seconds', '', 'Latency of the video encoder, as a mean of its sessions.'),
  gauge('gpu_encoder_sessions', '', 'Sessions of the video encoder.'),
  counter('gpu_errors_lifetime_total', 'error_type hw_type', 'Memory errors in the life of the GPU.'),
  gauge('gpu_info', 'gpu_pci_bus_id hw_driver_version hw_serial_number hw_type hw_vendor', 'Always 1: what a GPU is.'),
  gauge('gpu_memory_bandwidth_utilization_ratio', '', 'Share of the time in which memory was read or written.'),
  counter('gpu_memory_errors_lifetime_total', 'error_type gpu_memory_kind hw_type', 'Memory errors in the life of the GPU.'),
  counter('gpu_memory_errors_total', 'error_type gpu_memory_kind hw_type', 'Memory errors since the driver was loaded.'),
  gauge('gpu_memory_free_bytes', '', 'Memory that is free.'),
  gauge('gpu_memory_power_watts', '', 'Power that the memory draws.'),
  gauge('gpu_memory_reserved_bytes', '', 'Memory that the driver keeps for itself.'),
  gauge('gpu_mig_enabled', '', '1 when the GPU is divided into instances.'),
  gauge('gpu_nvlink_bandwidth_bytes_per_second', '', 'What all NVLink connections that are up could carry, one way.'),
  gauge('gpu_nvlink_links', '', 'NVLink connections that are up.'),
  gauge(
    'gpu_owner_info',
    'k8s_namespace_name k8s_pod_name k8s_pod_uid k8s_container_name',
    'Always 1: this container may use this GPU. Several of one GPU share it.'
  ),
  gauge('gpu_pcie_link_generation', 'gpu_limit_type', 'Generation of the PCIe link: the current one, and the most that both ends can.'),
  gauge('gpu_pcie_link_width', 'gpu_limit_type', 'Lanes of the PCIe link: the current ones, and the most that both ends can.'),
  counter('gpu_pcie_replays_total', '', 'Transfers over PCIe that had to be repeated.'),
  gauge('gpu_pcie_throughput_bytes_per_second', 'network_io_direction', 'What goes over PCIe, at the moment of the look.'),
  gauge('gpu_performance_state', '', 'Performance state: 0 is the fastest, 15 the slowest.'),
  gauge('gpu_persistence_mode', '', '1 when the driver stays loaded while nobody uses the GPU.'),
  gauge('gpu_power_average_watts', '', 'Power that is drawn, as a mean of one second.'),
  gauge('gpu_power_limit_watts', 'gpu_limit_type', 'Power that the GPU may draw: as enforced, as asked for, and what may be asked for.'),
  gauge(
    'gpu_recovery_action',
    '',
    'What the driver says must be done: 0 nothing, 1 reset the GPU, 2 restart the node, 3 drain peer-to-peer traffic, 4 drain and reset.'
  ),
  gauge('gpu_remap_banks', 'gpu_remap_spare', 'Memory banks by how many spare rows they have left.'),
  gauge('gpu_remapped_rows', 'error_type', 'Memory rows replaced by spare ones.'),
  gauge('gpu_remapped_rows_failure', '', '1 when a row could not be replaced.'),
  gauge('gpu_remapped_rows_pending', '', '1 when rows are replaced at the next reset.'),
  gauge('gpu_reset_required', '', '1 when the GPU must be reset.'),
  gauge('gpu_retired_pages_pending', '', '1 when pages are taken out of use at the next reset.'),
  gauge('gpu_temperature_margin_celsius', '', 'Degrees left until the GPU slows itself down.'),
  gauge('gpu_throttled', 'gpu_throttle_reason', '1 while this reason holds the clocks of a GPU down, 0 after it has.'),
  counter('gpu_throttled_time_seconds_total', 'gpu_throttle_reason', 'Time for which a reason has held the clocks down.'),
  counter('hw_errors_total', 'error_type hw_type', 'Memory errors since the driver was loaded.'),
  gauge('hw_fan_speed_ratio', 'hw_sensor_location', 'Speed that the fan is told to have, of its usual maximum.'),
  gauge('hw_gpu_memory_limit_bytes', '', 'Size of the memory.'),
  gauge('hw_gpu_memory_usage_bytes', '', 'Memory in use, without what the driver keeps for itself.'),
  gauge('hw_gpu_memory_utilization_ratio', '', 'Used part of the memory.'),
  gauge(
    'hw_gpu_utilization_ratio',
    'hw_gpu_task',
    'Share of the time in which the GPU was busy with a task, over the last moment that the driver looks at.'
  ),
  gauge('hw_power_watts', 'hw_type', 'Power that is drawn.'),
  gauge(
    'hw_status',
    'hw_state hw_type',
    '1 for the state that the GPU is in, 0 for the others: degraded while the driver names an action that it needs to recover, failed when it is lost.'
  ),
  gauge('hw_temperature_celsius', 'hw_sensor_location', 'Temperature.'),
  gauge('hw_temperature_limit_celsius', 'hw_limit_type hw_sensor_location', 'Temperature at which something is done about it.')
]
