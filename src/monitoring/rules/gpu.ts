import { alertsOf, GATEWAYS, type Group, growth, SCRAPED } from '../rule.ts'

const gpu = alertsOf('gpu')

// One alert for a GPU, whatever else its series are told apart by.
const GPU = `instance, ${SCRAPED}, hw_id, hw_model, gpu_index`
const BY = `job, instance, ${SCRAPED}`
/** The instance of what is told of GPUs is the gateway's host, which in a pod has the pod's name. */
const NODE = '{{ or $labels.k8s_node_name $labels.instance }}'
const NAME = `GPU {{ $labels.gpu_index }} ({{ $labels.hw_model }}, {{ $labels.hw_id }}) of ${NODE}`
const each = (expr: string): string => `max by (${GPU}) (${expr})`

/** Codes after which nothing runs on the GPU, and a failed NVLink, until somebody acts. */
const XID_LOST = '48|62|64|74|79|95|110|119|120|140|143|157|158'
/** Codes of a GPU or driver that failed and went on. */
const XID_FAULT = '8|12|16|24|25|30|37|38|44|46|54|56|57|58|61|66|67|94|109|121|137|145|149|150'
const xids = (codes: string): string =>
  `sum by (${BY}, code, gpu) (${growth(`sluice_gpu_xid_total{code=~"${codes}"}`, '10m', GATEWAYS)}) > 0`

// A state is seen at a look, the time that it took also between two of them.
const throttled = (reason: string): string =>
  [
    `${each(`gpu_throttled{gpu_throttle_reason="${reason}"}`)} == 1`,
    `or ${each(`rate(gpu_throttled_time_seconds_total{gpu_throttle_reason="${reason}"}[5m])`)} > 0.1`
  ].join(' ')

const whole = (name: string): string => `count by (instance, ${SCRAPED}) (max by (instance, ${SCRAPED}, hw_id) (${name}{hw_parent=""}))`

export const GPU_RULES: Group = {
  name: 'sluice-gpu',
  recordings: [
    {
      record: 'gpu:utilization:mean5m',
      labels: ['instance', ...SCRAPED.split(', '), 'hw_id', 'hw_model', 'gpu_index'],
      expr: each('avg_over_time(hw_gpu_utilization_ratio{hw_gpu_task="general"}[5m])'),
      help: 'Mean of what the driver says a GPU is busy.'
    },
    {
      record: 'gpu:memory_utilization:max5m',
      labels: ['instance', ...SCRAPED.split(', '), 'hw_id', 'hw_model', 'gpu_index'],
      expr: each('max_over_time(hw_gpu_memory_utilization_ratio[5m])'),
      help: 'Highest share of its memory that was used.'
    },
    {
      record: 'instance:gpus:count',
      labels: ['instance', ...SCRAPED.split(', ')],
      expr: whole('gpu_info'),
      help: 'Whole GPUs of a node that answer.'
    }
  ],
  alerts: [
    gpu('critical', {
      alert: 'GpuOutOfMemory',
      // The first may come before the first scrape: memory runs out where models are loaded.
      expr: `sum by (${BY}) (${growth('sluice_errors_grouped_total{kind="out-of-memory/device"}', '10m', GATEWAYS)}) > 0`,
      for: '0s',
      keepFiringFor: '10m',
      summary: `A program ran out of GPU memory (gateway ${NODE})`,
      description: '{{ $value | humanize }} errors in 10 minutes, found in spans and logs before sampling.'
    }),
    gpu('warning', {
      alert: 'GpuUtilizationHigh',
      expr: 'gpu:utilization:mean5m > 0.9',
      for: '10m',
      summary: `${NAME} is {{ $value | humanizePercentage }} busy`,
      description: 'More than 90 % for 10 minutes. Work that comes now has to wait.'
    }),
    gpu('info', {
      alert: 'GpuMemoryNearlyFull',
      expr: `${each('hw_gpu_memory_utilization_ratio')} > 0.95`,
      for: '10m',
      summary: `The memory of ${NAME} is {{ $value | humanizePercentage }} full`,
      description: 'Usual where a framework takes all of it at its start; else the next allocation may fail.'
    }),
    gpu('critical', {
      alert: 'GpuXidCritical',
      expr: xids(XID_LOST),
      for: '0s',
      keepFiringFor: '10m',
      summary: `Xid {{ $labels.code }} on GPU {{ $labels.gpu }}, told by ${NODE}`,
      description: 'Nothing runs on this GPU, or over its links, until it is reset, restarted or replaced.'
    }),
    gpu('warning', {
      alert: 'GpuXidWarning',
      expr: xids(XID_FAULT),
      for: '0s',
      keepFiringFor: '10m',
      summary: `Xid {{ $labels.code }} on GPU {{ $labels.gpu }}, told by ${NODE}`,
      description: 'The GPU or its driver failed and goes on. Programs on it may have ended.'
    }),
    gpu('info', {
      alert: 'KernelLogUnreadable',
      expr: `sum by (${BY}, reason) (increase(sluice_kernel_log_failures_total[15m])) > 0`,
      for: '15m',
      summary: `${NODE} cannot read the kernel log: {{ $labels.reason }}`,
      description: 'Xid messages are not seen, and alerts on them do not fire.'
    }),
    gpu('critical', {
      alert: 'GpuLost',
      expr: `${each('hw_status{hw_state="failed"}')} == 1`,
      for: '1m',
      summary: `${NAME} is lost`,
      description: 'It was there and does not answer any more, while others do.'
    }),
    gpu('critical', {
      alert: 'GpuFewerThanBefore',
      expr: 'instance:gpus:count < max_over_time(instance:gpus:count[6h])',
      for: '10m',
      summary: `${NODE} has {{ $value }} GPUs left`,
      description: 'Fewer than at some time in the last 6 hours.'
    }),
    gpu('critical', {
      alert: 'GpuRecoveryActionNeeded',
      expr: [each('gpu_recovery_action'), each('gpu_reset_required'), each('gpu_drain_and_reset_recommended')]
        .map((state) => `${state} > 0`)
        .join(' or '),
      for: '1m',
      summary: `The driver wants ${NAME} to be recovered`,
      description: 'Action {{ $value }}: 1 reset the GPU, 2 restart the node, 3 drain peer-to-peer traffic, 4 drain and reset.'
    }),
    gpu('critical', {
      alert: 'GpuUncorrectedEcc',
      // A level: the error may have come before the first scrape.
      expr: `${each('hw_errors_total{error_type="uncorrected"}')} > 0`,
      for: '0s',
      summary: `${NAME} has had {{ $value }} memory errors that could not be corrected`,
      description: 'Since its driver was loaded. What ran on it may have computed wrong or ended.'
    }),
    gpu('critical', {
      alert: 'GpuRowRemapFailed',
      expr: `${each('gpu_remapped_rows_failure')} == 1`,
      for: '0s',
      summary: `${NAME} could not replace a broken memory row`,
      description: 'It has no spare rows left there. The GPU is to be replaced.'
    }),
    gpu('critical', {
      alert: 'GpuMemoryBeyondRepair',
      expr: `${each('gpu_ecc_sram_threshold_exceeded')} == 1 or ${each('gpu_ecc_unrepairable_memory')} == 1`,
      for: '0s',
      summary: `The memory of ${NAME} is beyond repair`,
      description: 'Its SRAM has had more errors than it may, or the driver says that it cannot be repaired. The GPU is to be replaced.'
    }),
    gpu('warning', {
      alert: 'GpuMemoryRepairPending',
      expr: ['gpu_remapped_rows_pending', 'gpu_retired_pages_pending', 'gpu_ecc_channel_repair_pending', 'gpu_ecc_tpc_repair_pending']
        .map((name) => `${each(name)} == 1`)
        .join(' or '),
      for: '5m',
      summary: `${NAME} waits for a reset to repair its memory`,
      description: 'It works on; reset it in the next window.'
    }),
    gpu('warning', {
      alert: 'GpuThermalSlowdown',
      expr: throttled('hw_thermal_slowdown'),
      for: '5m',
      summary: `${NAME} is too hot and slows itself down`,
      description: 'The hardware holds the clocks down, which halves them or worse.'
    }),
    gpu('info', {
      alert: 'GpuSoftwareThermalSlowdown',
      expr: throttled('sw_thermal_slowdown'),
      for: '30m',
      summary: `${NAME} is warm and runs slower`,
      description: 'The driver holds the clocks down to keep it under its limit.'
    }),
    gpu('warning', {
      alert: 'GpuTemperatureHigh',
      expr: [
        `${each('gpu_temperature_margin_celsius')} < 0`,
        `or max by (${GPU}, hw_parent) (hw_temperature_celsius)`,
        '>= on (instance, hw_id) group_left () max by (instance, hw_id) (hw_temperature_limit_celsius{hw_limit_type="high.degraded"})'
      ].join(' '),
      for: '5m',
      summary: `${NAME} is over its temperature limit`,
      description: 'At {{ $value }} °C (below 0: over the limit by so much) it slows down.'
    }),
    gpu('warning', {
      alert: 'GpuPowerBrake',
      expr: throttled('hw_power_brake_slowdown'),
      for: '5m',
      summary: `${NAME} is slowed down from outside`,
      description: 'The server’s power supply asks for it.'
    }),
    gpu('info', {
      alert: 'GpuPowerCapped',
      expr: throttled('sw_power_cap'),
      for: '1h',
      summary: `${NAME} runs at its power limit`,
      description: 'For an hour. Usual under full load; with a limit below the card’s default it costs speed.'
    }),
    gpu('warning', {
      alert: 'GpuNvlinkDown',
      expr: `${each('gpu_nvlink_links')} < ${each('max_over_time(gpu_nvlink_links[1d])')}`,
      for: '10m',
      summary: `${NAME} has only {{ $value }} NVLink connections left`,
      description: 'Fewer than at some time in the last day.'
    }),
    gpu('warning', {
      alert: 'GpuPcieDegraded',
      expr: `${each('gpu_pcie_link_width{gpu_limit_type="current"}')} < ${each('gpu_pcie_link_width{gpu_limit_type="max"}')}`,
      for: '30m',
      summary: `${NAME} has only {{ $value }} PCIe lanes`,
      description: 'Fewer than both ends can. Some laptops and servers save power so; elsewhere the card or its slot is at fault.'
    }),
    gpu('info', {
      alert: 'GpuRequestedButIdle',
      expr: [
        `${each('max_over_time(hw_gpu_utilization_ratio{hw_gpu_task="general"}[1h])')} < 0.05`,
        'and on (instance, hw_id) (gpu_owner_info and on (instance, hw_id) (gpu_owner_info offset 1h))'
      ].join(' '),
      for: '0s',
      summary: `${NAME} was given to a pod and idles`,
      description: 'Not busier than {{ $value | humanizePercentage }} at any look of the last hour.'
    }),
    gpu('warning', {
      alert: 'GpuSmiHung',
      expr: `max by (${BY}) (sluice_gpu_state{state="hung"}) == 1`,
      for: '2m',
      summary: `nvidia-smi hangs on ${NODE}`,
      description: 'It does not answer within its time. Most often the driver is stuck, and work on the GPUs with it.'
    }),
    gpu('warning', {
      alert: 'GpuSmiFailing',
      expr: `max by (${BY}, source, state) (sluice_gpu_state{state=~"failed|no driver|version mismatch|device lost|permission"}) == 1`,
      for: '10m',
      summary: `${NODE} knows nothing of its GPUs: {{ $labels.state }}`,
      description: 'Asked of {{ $labels.source }}. Spans and errors are not told of their GPU.'
    }),
    gpu('warning', {
      alert: 'GpuSamplesStale',
      expr: `max by (${BY}) (sluice_gpu_sample_age_seconds) > 120`,
      for: '3m',
      summary: `What ${NODE} knows of its GPUs is {{ $value | humanizeDuration }} old`,
      description: 'It is renewed every 15 s. All other alerts on GPUs are blind meanwhile.'
    }),
    gpu('info', {
      alert: 'GpuSmiSlow',
      expr: [
        `sum by (${BY}) (rate(sluice_gpu_poll_duration_seconds_total{kind="fast"}[10m]))`,
        `/ (sum by (${BY}) (rate(sluice_gpu_polls_total{kind="fast"}[10m])) > 0) > 5`
      ].join(' '),
      for: '10m',
      summary: `nvidia-smi takes {{ $value | humanizeDuration }} on ${NODE}`,
      description: 'Persistence mode is off, or the driver is about to hang.'
    }),
    gpu('warning', {
      alert: 'GpuMetricsMissing',
      expr: 'count by (cluster) (sluice_gpu_state{state="ok"} == 1) > 0 unless on (cluster) count by (cluster) (gpu_info) > 0',
      for: '10m',
      summary: '{{ $value }} gateways see GPUs, and there are no metrics of any',
      description: 'The receiver gpu is off, or the scrape loses them. All alerts on GPUs are blind meanwhile.'
    })
  ]
}
