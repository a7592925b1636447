// The host as a platform for the file system: memory from malloc, monitors from pthreads or none, messages to a closure.

import FileSystem
import Foundation
import SystemInterface

/// A platform around any device. Its memory is freed with the last copy, so keep one as long as the file system.
public final class HostPlatform<Device: BlockDevice, Lock: HostMonitor>: FileSystemPlatform {
    public let device: Device
    private let message: (String) -> Void
    private var memory: [UnsafeMutableRawPointer] = []

    /// - Parameter message: where the console lines go.
    public init(_ device: Device, monitors: Lock.Type = NoMonitor.self, message: @escaping (String) -> Void = { _ in }) {
        self.device = device
        self.message = message
    }

    deinit { for block in memory { free(block) } }

    public func allocate(byteCount: Int, alignment: Int) -> UnsafeMutableRawPointer? {
        var block: UnsafeMutableRawPointer?
        guard posix_memalign(&block, max(alignment, 16), byteCount) == 0, let block else { return nil }
        memory.append(block)
        return block
    }

    public func makeMonitor() -> Lock? { Lock() }

    public func report(_ message: StaticString) { self.message(message.description) }
}

/// A monitor that can be made out of nothing.
public protocol HostMonitor: Monitor {
    init()
}

/// For one thread: nothing to lock, and nobody who could wake it.
public struct NoMonitor: HostMonitor {
    public init() {}
    public func acquire() {}
    public func release() {}
    public func wait() { fatalError("the file system waits, but there is only one thread") }
    public func wakeAll() {}
}

/// For many threads.
public final class ThreadMonitor: HostMonitor {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    public init() {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        pthread_cond_destroy(condition)
        mutex.deallocate()
        condition.deallocate()
    }

    public func acquire() { pthread_mutex_lock(mutex) }
    public func release() { pthread_mutex_unlock(mutex) }
    public func wait() { pthread_cond_wait(condition, mutex) }
    public func wakeAll() { pthread_cond_broadcast(condition) }
}
