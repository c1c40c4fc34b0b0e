// Small answers in the forms of nvidia-smi, made up for our tests: no machine has printed them.

export const GPU_A = 'GPU-0a0a0a0a-1111-2222-3333-00000000000a'
export const GPU_B = 'GPU-0b0b0b0b-1111-2222-3333-00000000000b'
export const MIG_A0 = 'MIG-a0a0a0a0-1111-2222-3333-0000000000a0'
export const MIG_A1 = 'MIG-a1a1a1a1-1111-2222-3333-0000000000a1'

/** The header and two rows: a working GPU, and one that gives little. */
export const TABLE = [
  'index, name, driver_version, memory.total [MiB], pci.bus_id, serial, utilization.gpu [%], memory.used [MiB], temperature.gpu, power.draw.instant [W], power.draw [W], clocks.current.sm [MHz], fan.speed [%], pstate, clocks_event_reasons_counters.sw_power_cap [us], clocks_event_reasons.active, gpu_recovery_action, persistence_mode, uuid',
  `0, Model One, 599.1, 1000 MiB, 00000000:0A:00.0, 123, 57 %, 250 MiB, -3, 71.50 W, 70.00 W, 1980 MHz, 105 %, P2, 1500000 us, 0x0000000000000044, Node Reboot, Enabled, ${GPU_A}`,
  `1, Model Two, 599.1, 2000 MiB, 00000000:0B:00.0, [N/A], [Not Supported], 0 MiB, N/A, [Unknown Error], 12.25 W, , [N/A], P0, [Requested functionality has been deprecated], [N/A], Something New, Disabled, ${GPU_B}`,
  ''
].join('\n')

const values = (tags: Record<string, string>): string =>
  Object.entries(tags)
    .map(([name, text]) => `<${name}>${text}</${name}>`)
    .join('\n')

const mig = (index: number, instance: number, used: string): string => `<mig_device>
${values({ index: String(index), gpu_instance_id: String(instance), compute_instance_id: '0' })}
<ecc_error_count><volatile_count><sram_uncorrectable>${index}</sram_uncorrectable></volatile_count></ecc_error_count>
<fb_memory_usage><total>400 MiB</total><reserved>1 MiB</reserved><used>${used}</used><free>1 MiB</free></fb_memory_usage></mig_device>`

/** A document with a GPU in MIG mode in the newest form, and an old card in the oldest. */
export const DOCUMENT = `WARNING: a line of a kind that may come first
<?xml version="1.0" ?>
<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v13.dtd">
<nvidia_smi_log>
<!-- a remark with a <gpu> in it -->
<driver_version>599.1</driver_version>
<gpu id="00000000:0A:00.0">
${values({ product_name: 'Model One', uuid: GPU_A, serial: '123', performance_state: 'P2', fan_speed: 'N/A', gpu_recovery_action: 'Drain and Reset' })}
<mig_mode><current_mig>Enabled</current_mig></mig_mode>
<mig_devices>
${mig(0, 2, '12 MiB')}
${mig(1, 5, 'Insufficient Permissions')}
</mig_devices>
<clocks_event_reasons>
<clocks_event_reason_gpu_idle>Not Active</clocks_event_reason_gpu_idle>
<clocks_event_reason_hw_thermal_slowdown>Active</clocks_event_reason_hw_thermal_slowdown>
</clocks_event_reasons>
<clocks_event_reasons_counters><clocks_event_reasons_counters_hw_therm_slowdown>250 us</clocks_event_reasons_counters_hw_therm_slowdown></clocks_event_reasons_counters>
<fb_memory_usage><total>1000 MiB</total><reserved>50 MiB</reserved><used>250 MiB</used><free>700 MiB</free></fb_memory_usage>
<utilization><gpu_util>N/A</gpu_util></utilization>
<ecc_errors><volatile><sram_correctable>1</sram_correctable><sram_uncorrectable_parity>2</sram_uncorrectable_parity><sram_uncorrectable_secded>3</sram_uncorrectable_secded><dram_correctable>N/A</dram_correctable><dram_uncorrectable>4</dram_uncorrectable></volatile>
<aggregate><sram_correctable>1</sram_correctable><dram_correctable>GPU is lost</dram_correctable></aggregate></ecc_errors>
<pci><tx_util>585 KB/s</tx_util><pci_gpu_link_info><link_widths><current_link_width>8x</current_link_width></link_widths></pci_gpu_link_info></pci>
<power_smoothing>Insufficient Permissions</power_smoothing>
<gpu_power_readings><power_state>P0</power_state><average_power_draw>65.64 W</average_power_draw><instant_power_draw>66.16 W</instant_power_draw><current_power_limit>350.00 W</current_power_limit></gpu_power_readings>
<module_power_readings><instant_power_draw>N/A</instant_power_draw></module_power_readings>
<clocks><sm_clock>2040 MHz</sm_clock></clocks>
<max_clocks><sm_clock>2520 MHz</sm_clock></max_clocks>
<supported_clocks><supported_mem_clock><value>9001 MHz</value><clocks></supported_clocks>
<processes>
<process_info><gpu_instance_id>5</gpu_instance_id><compute_instance_id>0</compute_instance_id><pid>41</pid><type>C</type><process_name>/opt/a &amp; b --key=1</process_name><used_memory>7 MiB</used_memory></process_info>
<process_info><gpu_instance_id>N/A</gpu_instance_id><compute_instance_id>N/A</compute_instance_id><pid>42</pid><type>G</type><process_name>Xorg</process_name><used_memory>N/A</used_memory></process_info>
</processes>
<accounted_processes><accounted_process_info><pid>43</pid></accounted_process_info></accounted_processes>
</gpu>
<gpu id="0000:0B:00.0">
${values({ product_name: 'Model Two', uuid: GPU_B, serial: 'N/A', fan_speed: '38 %' })}
<mig_devices>None</mig_devices>
<clocks_throttle_reasons><clocks_throttle_reason_gpu_idle>Active</clocks_throttle_reason_gpu_idle></clocks_throttle_reasons>
<ecc_errors><volatile><single_bit><total>6</total></single_bit><double_bit><total>7</total></double_bit></volatile></ecc_errors>
<remapped_rows>N/A</remapped_rows>
<power_readings><power_draw>24.84 W</power_draw><power_limit>240.00 W</power_limit><enforced_power_limit>250.00 W</enforced_power_limit></power_readings>
<processes />
</gpu>
</nvidia_smi_log>
Xid, or another line that may come last
`

/** The names of the same two GPUs. */
export const LIST = `GPU 0: Model One (UUID: ${GPU_A})
  MIG 3g.40gb     Device  0: (UUID: ${MIG_A0})
  MIG 1c.2g.20gb  Device  1: (UUID: ${MIG_A1})
Unable to determine the device handle for GPU1: 0000:0B:00.0: Unknown Error
GPU 2: Model Two (second edition) (UUID: ${GPU_B})\r
`

/** The text of `--help-query-gpu` of a driver that knows these fields; those of one group are names of one thing. */
export function helpText(...groups: readonly string[][]): string {
  const entries = groups.map((names) => `${names.map((name) => `"${name}"`).join(' or ')}\nWhat it "means".\n`)
  return `List of valid properties to query for the switch "--query-gpu":\n\n${entries.join('\n')}\n"0: Default" means several contexts.\n`
}
