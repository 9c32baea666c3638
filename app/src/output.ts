/**
 * Puts the document where it belongs. A file is written beside its target, flushed and renamed into place, so that a
 * reader, or a kill at any moment, meets the old file or the new one, never a part.
 */
import { randomBytes } from "node:crypto"
import { constants } from "node:fs"
import { access, type FileHandle, lstat, mkdir, open, readlink, realpath, rename, stat, unlink } from "node:fs/promises"
import { basename, dirname, join, resolve } from "node:path"

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
    write: (document) =>
      new Promise((done, fail) => {
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
export async function fileOutput(path: string): Promise<Output> {
  try {
    const target = await whereWritten(resolve(path))
    await mkdir(dirname(target), { recursive: true })
    const mode = await modeOf(target, path)
    const probe = await create(target, mode)
    await probe.handle.close()
    await unlink(probe.path)
    return { label: path, write: (document, signal) => replace(target, mode, document, signal, path) }
  } catch (error) {
    throw error instanceof OutputUnwritable ? error : unwritable(path, error as NodeJS.ErrnoException)
  }
}

async function replace(target: string, mode: number, document: string, signal: AbortSignal, label: string) {
  let partial: string | undefined
  try {
    signal.throwIfAborted()
    const { handle, path } = await create(target, mode)
    partial = path
    try {
      await handle.writeFile(document, { signal })
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(path, target)
    partial = undefined
    await flushFolder(dirname(target))
  } catch (error) {
    if (partial !== undefined) await unlink(partial).catch(() => {})
    signal.throwIfAborted()
    throw unwritable(label, error as NodeJS.ErrnoException)
  }
}

/** The rename itself reaches the disk with its folder (fsync(2)). */
async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r")
  try {
    await handle.sync()
  } catch (error) {
    // Some file systems know no fsync for a folder; the rename is then as durable as they make it.
    if (!["EINVAL", "ENOTSUP", "EPERM"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error
  } finally {
    await handle.close()
  }
}

async function create(target: string, mode: number): Promise<{ handle: FileHandle; path: string }> {
  const path = join(dirname(target), `.${basename(target).slice(0, 200)}.${randomBytes(6).toString("hex")}.partial`)
  const handle = await open(path, "wx", mode)
  return { handle, path }
}

/** A symbolic link is written through, not replaced. */
async function whereWritten(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error
    const link = await lstat(path).catch(() => undefined)
    return link?.isSymbolicLink() ? resolve(dirname(path), await readlink(path)) : path
  }
}

/** Permissions for the new file: those of the one it replaces. */
async function modeOf(target: string, label: string): Promise<number> {
  const earlier = await stat(target).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined
    throw error
  })
  if (earlier === undefined) return 0o666
  if (earlier.isDirectory()) throw new OutputUnwritable(`--output ${label} is a folder; name a file in it`)
  if (!earlier.isFile()) throw new OutputUnwritable(`--output ${label} is no regular file; \`-\` writes to stdout`)
  await access(target, constants.W_OK)
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
  ENOSPC: () => "no space left on the disk; the earlier file is untouched",
  EDQUOT: () => "the disk quota is used up; the earlier file is untouched",
  ENOTDIR: () => "a part of its path is a file, not a folder",
  EEXIST: () => "a part of its path is a file, not a folder",
  ENAMETOOLONG: () => "its name is too long",
  ELOOP: () => "its symbolic links go in a circle",
  EPIPE: () => "its reader went away",
}

function permissionHint(): string {
  return 'give that user write access to the folder, or run as its owner (docker run --user "$(id -u):$(id -g)")'
}
