/**
 * Puts the document where it belongs. A file is written beside its target, flushed and renamed into place, so that a
 * reader, or a kill at any moment, meets the old file or the new one, never a part.
 */
// Synchronous calls throughout: nothing else is under way, and the promises of node:fs load a third as much again.
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  realpathSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs"
import { dirname, join, resolve } from "node:path"

/** The output can't be written. */
export class OutputUnwritable extends Error {
  override readonly name = "OutputUnwritable"
}

/** A place that can be written, as far as that can be known without writing the document. */
export interface Output {
  /** For a person. */
  readonly label: string
  /** @throws OutputUnwritable, or the signal's reason; the earlier file stands then */
  write(document: string, signal: AbortSignal): Promise<void>
}

/**
 * Standard output as the place. The document goes out whole, or the write fails.
 */
export function streamOutput(stream: NodeJS.WritableStream): Output {
  return {
    label: "stdout",
    write: (document, signal) =>
      new Promise((done, fail) => {
        signal.throwIfAborted()
        const failed = (error: NodeJS.ErrnoException) => fail(unwritable("stdout", error))
        stream.once("error", failed)
        stream.write(document, (error) => (error ? failed(error) : done()))
      }),
  }
}

/**
 * A file as the place: makes its parent folders and creates and removes a file beside it, so that what can't be written
 * is known before a request is spent.
 *
 * @throws OutputUnwritable
 */
export function fileOutput(path: string): Output {
  try {
    const mode = modeOf(path)
    const target = whereWritten(resolve(path))
    mkdirSync(dirname(target), { recursive: true })
    const probe = create(target, mode)
    closeSync(probe.descriptor)
    unlinkSync(probe.path)
    return { label: path, write: async (document, signal) => replace(target, mode, document, signal, path) }
  } catch (error) {
    throw error instanceof OutputUnwritable ? error : unwritable(path, error as NodeJS.ErrnoException)
  }
}

function replace(target: string, mode: number | undefined, document: string, signal: AbortSignal, label: string): void {
  signal.throwIfAborted()
  let partial: string | undefined
  try {
    const { descriptor, path } = create(target, mode)
    partial = path
    try {
      // The umask has narrowed it.
      if (mode !== undefined) fchmodSync(descriptor, mode)
      writeFileSync(descriptor, document)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    renameSync(path, target)
    partial = undefined
    flushFolder(dirname(target))
  } catch (error) {
    if (partial !== undefined) rmQuietly(partial)
    throw unwritable(label, error as NodeJS.ErrnoException)
  }
}

/** The rename itself reaches the disk with its folder (fsync(2)). */
function flushFolder(folder: string): void {
  let descriptor: number | undefined
  try {
    descriptor = openSync(folder, "r")
    fsyncSync(descriptor)
  } catch (error) {
    // Some file systems know no fsync for a folder, and some folders may be written to and not read; the rename is then
    // as durable as they make it.
    if (!["EACCES", "EINVAL", "ENOTSUP", "EPERM"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

function rmQuietly(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // The error that led here is the one to tell.
  }
}

/** A new file in the target's folder; its name does not grow with the target's, which may be as long as names can be. */
function create(target: string, mode = 0o666): { descriptor: number; path: string } {
  const path = join(dirname(target), `.get-data-${process.pid}-${Math.random().toString(36).slice(2)}.partial`)
  return { descriptor: openSync(path, "wx", mode), path }
}

/** Links that the system follows for a name, at most (path_resolution(7)). */
const MAX_LINKS = 40

/** A symbolic link is written through, not replaced, though what it leads to may not be there yet. */
function whereWritten(path: string): string {
  let place = path
  for (let links = 0; links <= MAX_LINKS; links += 1) {
    try {
      return realpathSync(place)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error
      if (!lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink()) return place
      place = resolve(realpathSync(dirname(place)), readlinkSync(place))
    }
  }
  throw new OutputUnwritable(`cannot write ${path}: its symbolic links do not end`)
}

/** Permissions of the file that is there, which the new one keeps; undefined where there is none. */
function modeOf(path: string): number | undefined {
  const earlier = statSync(path, { throwIfNoEntry: false })
  if (earlier === undefined) return undefined
  if (earlier.isDirectory()) throw new OutputUnwritable(`--output ${path} is a folder; name a file in it`)
  if (!earlier.isFile()) throw new OutputUnwritable(`--output ${path} is no regular file; \`-\` writes to stdout`)
  // Renaming would replace a read-only file too, but whoever closed it meant it.
  closeSync(openSync(path, "a"))
  return earlier.mode & 0o777
}

function unwritable(label: string, error: NodeJS.ErrnoException): OutputUnwritable {
  return new OutputUnwritable(`cannot write ${label}: ${REASONS[error.code ?? ""]?.() ?? error.message}`, {
    cause: error,
  })
}

const REASONS: Readonly<Record<string, () => string>> = {
  EACCES: () => `no permission for user ${process.getuid?.()}; ${permissionHint()}`,
  EPERM: () => `not permitted for user ${process.getuid?.()}; ${permissionHint()}`,
  EROFS: () => "the file system is read-only; mount a writable folder there, or use --output - for stdout",
  ENOSPC: () => "no space left on the disk",
  EDQUOT: () => "the disk quota is used up",
  ENOTDIR: () => "a part of its path is a file, not a folder",
  EEXIST: () => "a part of its path is a file, not a folder",
  ENAMETOOLONG: () => "its name is too long",
  ELOOP: () => "its symbolic links go in a circle",
  EPIPE: () => "its reader went away",
}

function permissionHint(): string {
  return 'give that user write access to the folder, or run as its owner (docker run --user "$(id -u):$(id -g)")'
}
