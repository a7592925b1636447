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

    /// - Parameter message: where the console lines go.
    public init(_ device: Device, monitors: Lock.Type = NoMonitor.self, message: @escaping (String) -> Void = { _ in })
    {
        self.device = device
        self.message = message
        unsafe memory = []  // nothing is allocated
    }

    // The file system, which uses the memory, has ended.
    deinit { unsafe memory.forEach { unsafe $0.deallocate() } }

    @unsafe
    public func allocate(byteCount: Int, alignment: Int) -> UnsafeMutableRawPointer? {
        let block = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: max(alignment, 16))
        unsafe memory.append(block)  // freed by deinit
        return unsafe block
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
