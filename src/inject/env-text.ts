// In the value of a container's variable Kubernetes takes `$(NAME)` for a reference and `$$` for a dollar sign; any other `$` is itself.

/** The value that stands for this very text. */
export const literal = (text: string): string => text.replace(/\$(?=[$(])/g, '$$$$')

/** The text that a value without references stands for. */
export const plain = (value: string): string => value.replaceAll('$$', () => '$')
