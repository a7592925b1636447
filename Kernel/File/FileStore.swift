// The mounted file system, and what it needs of the kernel.

import FileSystem
import Machine
import Storage
import Synchronization
import SystemInterface

/// A use of an inode of the mounted disk.
typealias KernelInode = Inode<KernelPlatform>

struct KernelPlatform: FileSystemPlatform {
    var device: KernelDisk { KernelDisk() }

    @unsafe
    func allocate(byteCount: Int, alignment: Int) -> UnsafeMutableRawPointer? {
        unsafe BootMemory.allocate(bytes: byteCount)
    }

    @unsafe
    // a page of the caller's own, in the direct map
    func takePage() -> UnsafeMutableRawPointer? { unsafe Pages.allocateSpare()?.pointer }

    @unsafe
    func giveBackPage(_ page: UnsafeMutableRawPointer) {
        Pages.release(PhysicalAddress(directMapped: UInt(bitPattern: page)))
    }

    func makeMonitor() -> KernelMonitor? { KernelMonitor(state: BootMemory.make(KernelMonitor.State())) }

    var time: UInt32 { UInt32(clamping: (Clock.wallClock ?? 0) / 1_000_000_000) }

    func report(_ message: StaticString) { kprint("\(message)\n") }
}

/// The file system's short lock with a wait queue (FileSystem/Platform.swift has its contract).
struct KernelMonitor: Monitor {
    struct State: ~Copyable {
        fileprivate let word = LockWord(.fileSystemMonitor)
        fileprivate var interrupts: UInt64 = 0
        fileprivate let waiters = WaitQueue()
        init() {}
    }

    let state: Ref<State>

    @inline(__always)
    func acquire() {
        let interrupts = interrupts_disable()
        state.value.word.acquire()
        state.value.interrupts = interrupts
    }

    @inline(__always)
    func release() {
        let interrupts = state.value.interrupts
        state.value.word.release()
        interrupts_restore(interrupts)
    }

    @inline(never)
    func wait() {
        state.value.waiters.sleepOnce { release() }
        acquire()
    }

    func wakeAll() { state.value.waiters.wakeAll() }
}

enum FileStore {
    /// Blocks kept in memory, while it is plenty: 1 MiB.
    private static let buffers = 1024
    /// Inodes in use at once.
    private static let inodes = 200

    private static let mounted = BootValue<FileSystem<KernelPlatform>>()

    /// The file system; it is mounted before the first user program runs.
    static var system: FileSystem<KernelPlatform> { mounted.value }

    /// Mounts the disk, or stops: without one there is nothing to run.
    @inline(never)  // a panic's backtrace names it
    static func mount() {
        guard Disk.isPresent else {
            panic(
                "no disk: start QEMU with -drive file=build/fs.img,if=none,format=raw,id=x0 -device virtio-blk-device,drive=x0"
            )
        }
        do throws(SystemError) {
            mounted.start(try FileSystem.mount(KernelPlatform(), buffers: buffers, inodes: inodes))
            PageSources.add(
                count: { Disk.mayStillWrite ? 0 : FileStore.system.sparePages },
                giveBack: { !Disk.mayStillWrite && FileStore.system.giveBackPage() })
        } catch {
            kprint("mount: \(error.message)\n")
            panic("the disk cannot be mounted: fsck on the host says what is wrong with its image")
        }
    }

    /// The root directory.
    static func root() -> KernelInode {
        do throws(SystemError) { return try system.root() } catch { panic("the disk has no root directory") }
    }
}

/// User memory that a read fills.
struct UserSink: ByteSink {
    private var destination: UserDestination
    init(address: UserAddress) { destination = UserDestination(address) }

    /// Block after block of a read of any length.
    mutating func take(_ source: RawSpan) -> Bool { Scheduler.mayGoOn() && destination.take(source) }
}

/// User memory that a write empties.
struct UserSource: ByteSource {
    var address: UserAddress

    /// Block after block of a write of any length.
    mutating func give(_ destination: inout MutableRawSpan) -> Int {
        guard Scheduler.mayGoOn() else { return 0 }
        let copied = address.copyIn(to: &destination)
        address = address + copied
        return copied
    }
}
