// Folders in which package managers put what others wrote, whatever the language.
const FOREIGN =
  /[\\/](?:node_modules|site-packages|dist-packages|gems|vendor|bower_components)[\\/]|[\\/]pkg[\\/]mod[\\/]|[\\/]\.?cargo[\\/](?:registry|git)[\\/]|^\/rustc\//

/** Stands in a folder of installed packages. */
export const isForeign = (path: string): boolean => FOREIGN.test(path)

// Where programs are put in containers, and where people have them at home.
const ROOT =
  /^(?:\/(?:usr\/src\/app|app|workspace|workspaces|code|build|src|go\/src|srv|srv\/app|opt\/app|root|data\/app|var\/www\/html|var\/task|mnt\/[\w.-]{1,64}|home\/[\w.-]{1,64}|Users\/[\w.-]{1,64})\/|[A-Za-z]:[\\/](?:Users[\\/][\w.-]{1,64}|src|app)[\\/])/

/** The path of a program's own file without the folder that the program is in, where that is known. */
export function ownName(path: string): string {
  const root = ROOT.exec(path)
  if (root !== null) return path.slice(root[0].length).replace(/^(?:\.\/)+/, '')
  return path.startsWith('./') ? path.slice(2) : path
}

/** What stands behind the last of `folder` in the path, or undefined where it is not in it. */
export function behind(path: string, folder: string): string | undefined {
  const at = path.lastIndexOf(folder)
  return at < 0 ? undefined : path.slice(at + folder.length)
}

/** The last part of a path of either kind. */
export function baseName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1)
}
