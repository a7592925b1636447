// The host as a platform for the file system: memory from malloc, monitors of Foundation's or none, messages to a
// closure.

import FileSystem
import Foundation
import SystemInterface

/// A platform around any device. Its memory is freed with the last copy, so keep one as long as the file system.
@safe
public final class HostPlatform<Device: BlockDevice, Lock: HostMonitor>: FileSystemPlatform {
    public let device: Device
    private let message: (String) -> Void
    /// What was allocated, to be freed at the end.
    private var memory: [UnsafeMutableRawPointer]
    /// Pages that are taken, under a lock of their own; `mostPages` says how many there may be.
    private let pages = NSLock()
    private var taken: Set<UnsafeMutableRawPointer>
    public var mostPages = Int.max
    /// What files are said to have been changed at, in seconds since 1970; 0: not known.
    public var time: UInt32 = 0

    /// - Parameter message: where the console lines go.
    public init(_ device: Device, monitors: Lock.Type = NoMonitor.self, message: @escaping (String) -> Void = { _ in })
    {
        self.device = device
        self.message = message
        unsafe memory = []  // nothing is allocated
        unsafe taken = []
    }

    // The file system, which uses the memory, has ended.
    deinit {
        unsafe memory.forEach { unsafe $0.deallocate() }
        unsafe taken.forEach { unsafe $0.deallocate() }
    }

    @unsafe
    public func allocate(byteCount: Int, alignment: Int) -> UnsafeMutableRawPointer? {
        let block = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: max(alignment, 16))
        unsafe memory.append(block)  // freed by deinit
        return unsafe block
    }

    @unsafe
    public func takePage() -> UnsafeMutableRawPointer? {
        pages.lock()
        defer { pages.unlock() }
        guard unsafe taken.count < mostPages else { return nil }
        let page = UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 4096)
        unsafe taken.insert(page)  // freed by giveBackPage or deinit
        return unsafe page
    }

    @unsafe
    public func giveBackPage(_ page: UnsafeMutableRawPointer) {
        pages.lock()
        // A page of `allocate` stays in its list until the end.
        if unsafe taken.remove(page) != nil { unsafe page.deallocate() }
        pages.unlock()
    }

    public func makeMonitor() -> Lock? { Lock() }

    public func report(_ message: StaticString) { self.message(message.description) }
}

/// A monitor that needs nothing to be made.
public protocol HostMonitor: Monitor {
    init()
}

/// For one thread: there is nothing to lock, and no other thread to wait for.
public struct NoMonitor: HostMonitor {
    public init() {}
    public func acquire() {}
    public func release() {}
    public func wait() { fatalError("the file system waits, but there is only one thread") }
    public func wakeAll() {}
}

/// For many threads.
public final class ThreadMonitor: HostMonitor {
    private let condition = NSCondition()

    public init() {}
    public func acquire() { condition.lock() }
    public func release() { condition.unlock() }
    public func wait() { condition.wait() }
    public func wakeAll() { condition.broadcast() }
}
