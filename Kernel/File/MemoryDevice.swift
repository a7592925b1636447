// Devices that are no hardware, of major number 9: an empty file that takes everything, zeros, random bytes.

import Storage
import Synchronization
import SystemInterface

enum MemoryDevice: Int16 {
    /// Reads as the empty file.
    case null = 0
    case zero = 1
    /// The kernel's generator.
    case random = 2

    static let major: Int16 = 9

    /// Fills user memory; ends early when the process is killed.
    func read(to destination: UserAddress, count: Int) throws(SystemError) -> Int {
        guard self != .null else { return 0 }
        var chunk = [64 of UInt8](repeating: 0)
        var done = 0
        while done < count, Scheduler.mayGoOn() {
            if self == .random { KernelRandom.fill(&chunk) }
            let wanted = min(64, count - done)
            let copied = (destination + done).copyOut(chunk.span.rawBytes.extracting(first: wanted))
            done += copied
            if copied < wanted {
                if done == 0 { throw .badAddress }
                break
            }
        }
        return done
    }

    /// Takes everything, and keeps nothing of it.
    func write(count: Int32) throws(SystemError) -> Int {
        guard count >= 0 else { throw .invalidArgument }
        return Int(count)
    }
}
