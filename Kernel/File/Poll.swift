// poll: waits until one of several descriptors can be read. Pollers share one queue, which everything that becomes readable
// wakes; there are few, and each looks again for itself.

import Machine
import SystemInterface

enum Poll {
    /// Descriptors in one call: a process has no more.
    private static let limit = Limit.openFilesPerProcess
    nonisolated(unsafe) private static var pollers = WaitQueue()

    /// Something became readable.
    static func changed() { pollers.wakeAll() }

    /// Fills in what is readable; returns how many entries have something to tell, 0 when `milliseconds` have passed (negative:
    /// never).
    static func poll(_ entries: UserAddress, count: Int, milliseconds: Int32) throws(SystemError) -> Int {
        guard count >= 0, count <= limit else { throw .invalidArgument }
        var told = [16 of PollEntry](repeating: PollEntry(descriptor: -1))
        for index in 0..<count { told[index] = try (entries + index * 8).load(as: PollEntry.self) }
        let deadline = milliseconds < 0 ? nil : Clock.ticks(nanosecondsFromNow: UInt64(milliseconds) * 1_000_000)
        var ready = 0
        do throws(SystemError) {
            ready = try pollers.wait(until: deadline) { () throws(SystemError) -> Int? in
                var ready = 0
                for index in 0..<count {
                    told[index].returned = look(told[index])
                    if told[index].returned != 0 { ready += 1 }
                }
                return ready > 0 ? ready : nil
            }
        } catch {
            guard error == .timedOut else { throw error }
        }
        for index in 0..<count { try (entries + index * 8).store(told[index]) }
        return ready
    }

    private static func look(_ entry: PollEntry) -> Int16 {
        if entry.descriptor < 0 { return 0 }  // POSIX: left out
        guard let file = current.pointee.files[entry.descriptor] else { return PollEntry.invalid }
        return file.pointee.isReadable ? entry.events & PollEntry.readable : 0
    }
}
