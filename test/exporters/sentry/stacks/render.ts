import type { Frame, ParsedException } from '../../../../src/exporters/sentry/stacks/stack.ts'

/**
 * Exceptions as lines to read and compare:
 *   #id [< #parent source] [module / ]Type: "message" [group]
 *     + filename:line:column function [module] | source line
 * A plus is in front of frames of the program's own. Paths stand behind the filename where they differ.
 */
export function render(exceptions: readonly ParsedException[]): string {
  return exceptions.map((each) => [head(each), ...each.frames.map(line)].join('\n')).join('\n')
}

function head({ id, parent, source, isGroup, type, value, module }: ParsedException): string {
  const from = parent === undefined ? '' : ` < #${parent} ${source}`
  return `#${id}${from} ${module === undefined ? '' : `${module} / `}${type}: ${JSON.stringify(value)}${isGroup ? ' group' : ''}`
}

function line(frame: Frame): string {
  const { filename, abs_path, lineno, colno, module, context_line, vars } = frame
  const place = [filename ?? '?', lineno, colno].filter((part) => part !== undefined).join(':')
  const path = abs_path === undefined || abs_path === filename ? '' : ` (${abs_path})`
  const more = `${module === undefined ? '' : ` [${module}]`}${vars === undefined ? '' : ` ${JSON.stringify(vars)}`}`
  return `  ${frame.in_app ? '+' : '-'} ${place} ${frame.function ?? '?'}${more}${path}${context_line === undefined ? '' : ` | ${context_line}`}`
}
