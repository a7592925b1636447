// The mounted file system, and what it needs of the kernel.

import FileSystem
import Machine
import SystemInterface

struct KernelPlatform: FileSystemPlatform {
    var device: KernelDisk { KernelDisk() }

    func allocate(byteCount: Int, alignment: Int) -> UnsafeMutableRawPointer? {
        Pages.allocateContiguous(bytes: byteCount)?.pointer
    }

    func makeMonitor() -> KernelMonitor? {
        // Monitors are small and asked for one at a time: they are cut from whole pages.
        let stride = MemoryLayout<KernelMonitor.State>.stride
        if FileStore.monitorBytesLeft < stride {
            guard let page = Pages.allocateContiguous(bytes: Int(pageSize)) else { return nil }
            FileStore.nextMonitor = page.pointer
            FileStore.monitorBytesLeft = Int(pageSize)
        }
        let state = FileStore.nextMonitor.bindMemory(to: KernelMonitor.State.self, capacity: 1)
        state.initialize(to: KernelMonitor.State())
        FileStore.nextMonitor += stride
        FileStore.monitorBytesLeft -= stride
        return KernelMonitor(state: state)
    }

    func report(_ message: StaticString) { kprint("\(message)\n") }
}

enum FileStore {
    /// Blocks kept in memory: 1 MiB.
    private static let buffers = 1024
    /// Inodes in use at once.
    private static let inodes = 200

    nonisolated(unsafe) private static var mounted: FileSystem<KernelPlatform>?
    nonisolated(unsafe) fileprivate static var nextMonitor = UnsafeMutableRawPointer(bitPattern: 8).unsafelyUnwrapped
    nonisolated(unsafe) fileprivate static var monitorBytesLeft = 0

    /// The file system; it is mounted before the first user program runs.
    static var system: FileSystem<KernelPlatform> { mounted.unsafelyUnwrapped }

    /// Mounts the disk, or stops: without one there is nothing to run.
    static func mount() {
        guard Disk.isPresent else {
            panic("no disk: start QEMU with -drive file=build/fs.img,if=none,format=raw,id=x0 -device virtio-blk-device,drive=x0")
        }
        do throws(SystemError) {
            mounted = try FileSystem.mount(KernelPlatform(), buffers: buffers, inodes: inodes)
        } catch {
            kprint("mount: \(error.message)\n")
            panic("the disk cannot be mounted: `make fs-reset` makes a fresh one")
        }
    }

    /// A reference to the root directory.
    static func root() -> InodeReference {
        do throws(SystemError) { return try system.root() } catch { panic("the disk has no root directory") }
    }
}

/// User memory that a read fills.
struct UserSink: ByteSink {
    var address: UserAddress

    mutating func take(_ source: UnsafeRawPointer, count: Int) -> Bool {
        guard address.copyOut(from: source, count: count) == count else { return false }
        address = address + count
        return true
    }
}

/// User memory that a write empties.
struct UserSource: ByteSource {
    var address: UserAddress

    mutating func give(_ destination: UnsafeMutableRawPointer, count: Int) -> Int {
        let copied = address.copyIn(to: destination, count: count)
        address = address + copied
        return copied
    }
}
