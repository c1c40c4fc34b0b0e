/**
 * Who must act. `program`: what ran on the GPU failed, the GPU goes on. `notice`: the GPU goes on, look at it some day. `gpu`: the GPU or its
 * driver failed. `lost`: nothing runs there until it is reset, restarted or replaced.
 */
export type XidClass = 'program' | 'notice' | 'gpu' | 'lost'

export interface XidCode {
  readonly meaning: string
  readonly class: XidClass
}

const of = (kind: XidClass, meanings: Readonly<Record<number, string>>): [number, XidCode][] =>
  Object.entries(meanings).map(([code, meaning]) => [Number(code), { meaning, class: kind }])

/** What the codes stand for, in short. https://docs.nvidia.com/deploy/xid-errors/ has all that NVIDIA says of each. */
export const XID_CODES: ReadonlyMap<number, XidCode> = new Map([
  ...of('program', {
    13: 'a program made the graphics or compute engine fault',
    31: 'a program touched GPU memory that is not mapped',
    32: 'the stream of commands to the GPU was damaged',
    43: 'a program’s channel was stopped after its error',
    45: 'a program’s channels were cleaned up, after an earlier error or because it was ended',
    68: 'the video decoder faulted',
    69: 'a command of the graphics engine was not valid',
    94: 'a memory error was contained to the program that met it'
  }),
  ...of('notice', {
    63: 'a memory page or row was marked for replacement',
    92: 'corrected memory errors are frequent',
    93: 'the card’s configuration memory is written too often',
    154: 'what the driver recommends to do with the GPU has changed',
    156: 'a part of the GPU was taken out of use',
    160: 'a memory channel was taken out of use'
  }),
  ...of('gpu', {
    8: 'the GPU stopped working on a program’s commands',
    12: 'the driver failed while it handled an exception of the GPU',
    16: 'the display engine hung',
    24: 'a wait inside the GPU timed out',
    25: 'a command that the GPU does not know',
    30: 'a semaphore of the GPU could not be reached',
    37: 'the driver’s firmware failed',
    38: 'the driver’s firmware failed',
    44: 'the GPU faulted while it switched between programs',
    46: 'the GPU stopped working',
    54: 'the card’s power connector is not plugged in',
    56: 'the display engine failed',
    57: 'the video memory could not be set up',
    58: 'the video memory is not stable',
    61: 'an internal controller of the GPU reported a fault',
    66: 'the driver made an access that is not allowed',
    67: 'the driver made an access that is not allowed',
    74: 'NVLink failed',
    109: 'a switch between programs timed out',
    121: 'the link between processor and GPU had errors',
    137: 'an access over NVLink to another GPU’s memory was refused',
    145: 'NVLink failed: remote link',
    149: 'NVLink failed: network interface',
    150: 'NVLink failed: switch engine'
  }),
  ...of('lost', {
    48: 'a memory error that could not be corrected',
    62: 'an internal controller of the GPU halted',
    64: 'a memory page or row could not be replaced',
    79: 'the GPU has fallen off the bus',
    95: 'a memory error was not contained; all programs on the GPU are affected',
    110: 'the GPU’s security engine faulted',
    119: 'the GPU’s system processor does not answer',
    120: 'the GPU’s system processor failed',
    140: 'a memory error that could not be recovered from',
    143: 'the GPU could not be initialised',
    157: 'a part of the GPU could not be taken out of use',
    158: 'the GPU hangs beyond recovery'
  })
])
