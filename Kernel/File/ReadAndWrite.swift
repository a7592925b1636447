// The contract of read and write, for each kind of file.

import FileSystem
import Machine
import Storage
import SystemInterface

extension Ref where Value == FileRecord {
    /// Reads up to `count` bytes into user memory; 0 at the end of the file. A file is read from where the last call
    /// ended; a pipe and the console give what they have, once that is something; a socket gives one datagram.
    /// - Throws: badDescriptor for a file that is not open for reading; badAddress; interrupted.
    func read(to destination: UserAddress, count: Int32) throws(SystemError) -> Int {
        guard value.readable else { throw .badDescriptor }
        switch value.kind {
        case .pipe(let end): return count > 0 ? try end.pipe.read(to: destination, count: Int(count)) : 0
        case .device(let device):
            if let device = device.memoryDevice { return try device.read(to: destination, count: max(0, Int(count))) }
            guard device.major == Console.major else { throw .noSuchDevice }
            return try Console.read(to: destination, count: Int(count))
        case .socket(let socket):
            let count = max(0, Int(count))
            return socket.isStream
                ? try socket.receiveStream(to: destination, count: count, flags: [])
                : try socket.receive(to: destination, count: count).count
        case .rings: throw .invalidArgument  // frames go through the rings
        case .inode(let inode):
            return try value.offsetLock.withLock { () throws(SystemError) in
                var sink = UserSink(address: destination)
                // A negative count is a huge one, as in xv6: it ends at the first page that is not there.
                let read = try FileStore.system.read(
                    inode, at: value.offset, count: UInt64(UInt32(bitPattern: count)), into: &sink)
                value.offset += UInt64(read)
                return read
            }
        case nil: throw .badDescriptor
        }
    }

    /// Writes `count` bytes from user memory. A file takes all or the call fails; a pipe may take fewer at a bad
    /// address.
    /// - Throws: badDescriptor for a file that is not open for writing; brokenPipe; badAddress; noSpace; fileTooLarge;
    ///   interrupted.
    func write(from source: UserAddress, count: Int32) throws(SystemError) -> Int {
        guard value.writable else { throw .badDescriptor }
        switch value.kind {
        case .pipe(let end): return count > 0 ? try end.pipe.write(from: source, count: Int(count)) : 0
        case .device(let device):
            if let device = device.memoryDevice { return try device.write(count: count) }
            guard device.major == Console.major else { throw .noSuchDevice }
            return try Console.write(from: source, count: Int(count))
        case .socket(let socket):
            guard count >= 0 else { throw .invalidArgument }
            return socket.isStream
                ? try socket.sendStream(from: source, count: Int(count), flags: [])
                : try socket.send(from: source, count: Int(count), to: nil)
        case .rings: throw .invalidArgument  // as `read`
        case .inode(let inode):
            guard count >= 0 else { throw .invalidArgument }
            return try value.offsetLock.withLock { () throws(SystemError) in
                var source = UserSource(address: source)
                let outcome = FileStore.system.write(
                    inode, at: value.appends ? nil : value.offset, count: UInt64(count), from: &source)
                value.offset += UInt64(outcome.count)
                if let error = outcome.error { throw error }
                return outcome.count
            }
        case nil: throw .badDescriptor
        }
    }

    /// What is known of a file or device.
    /// - Throws: badDescriptor for a pipe or socket.
    func status() throws(SystemError) -> FileStatus {
        switch value.kind {
        case .inode(let inode): return try FileStore.system.status(inode)
        case .device(let device): return try FileStore.system.status(device.inode)
        default: throw .badDescriptor
        }
    }

    /// What can be done without sleeping, and what has happened: bits of PollEntry.
    var readiness: Int16 {
        switch value.kind {
        case .pipe(let end): end.readiness
        case .device(let device) where device.major == Console.major: Console.readiness
        case .socket(let socket): socket.readiness
        case .rings(let rings): rings.readiness
        default: PollEntry.readable | PollEntry.writable  // a file, which is always ready
        }
    }

    /// Calls `body` with the queue of what a poll of this file waits for; not for files that are always ready.
    func withPollQueue(_ body: (borrowing PollQueue) -> Void) {
        switch value.kind {
        case .pipe(let end): end.withPollQueue(body)
        case .device(let device) where device.major == Console.major: Console.withPollQueue(body)
        case .socket(let socket): socket.withPollQueue(body)
        case .rings(let rings): rings.withPollQueue(body)
        default: break
        }
    }
}
