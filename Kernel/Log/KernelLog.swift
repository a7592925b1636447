// The kernel's messages: each goes into a ring of the last ones, which `dmesg` reads, and to the console. Neither
// waits.

import Machine
import Storage
import Synchronization

/// The last messages, oldest first; a message that finds no room pushes the oldest bytes out.
struct LogRing {
    static let size = 16384

    private let buffer: Table<UInt8>
    /// Bytes logged since boot.
    fileprivate var end: UInt64 = 0

    /// - Parameter buffer: of `size` bytes.
    init(_ buffer: Table<UInt8>) { self.buffer = buffer }

    fileprivate mutating func append(_ message: KernelMessage) {
        for index in 0..<message.count {
            buffer[Int(end % UInt64(Self.size))] = message.bytes[index]
            end += 1
        }
    }

    /// The first byte that is still there.
    fileprivate var start: UInt64 { end > UInt64(Self.size) ? end - UInt64(Self.size) : 0 }

    fileprivate subscript(position: UInt64) -> UInt8 { buffer[Int(position % UInt64(Self.size))] }
}

enum KernelLog {
    private static let ring = SpinLock<LogRing>(.log)

    /// Keeps messages from now on. Once, during start-up.
    static func start(at place: Ref<LogRing>) { ring.start(at: place) }

    fileprivate static func append(_ message: KernelMessage) {
        if ring.isStarted { ring.withLock { $0.append(message) } }
    }

    /// Copies messages into `chunk`.
    /// - Parameter position: bytes since boot; moved up to the oldest one that is there, and behind what was copied.
    /// - Returns: bytes copied; 0 behind the last message.
    static func read(_ position: inout UInt64, into chunk: inout [64 of UInt8]) -> Int {
        ring.withLock { ring in
            position = max(position, ring.start)
            var count = 0
            while count < 64, position < ring.end {
                chunk[count] = ring[position]
                position += 1
                count += 1
            }
            return count
        }
    }
}

/// Logs a message and prints it on the console, whole, whatever other harts print meanwhile. Never waits.
@inline(never)
func kprint(_ message: KernelMessage) {
    KernelLog.append(message)
    ConsoleOutput.put(message)
}
