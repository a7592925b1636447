// poll: waits until one of several descriptors is ready. The call joins the queue of each thing that it names, looks at
// all, and sleeps.

import Machine
import Storage
import SystemInterface

enum PollCall {
    /// Descriptors of one call: a process has no more.
    private static let limit = 16

    /// What one call looks at: as many entries as descriptors were named.
    private struct Entries {
        var entries = [16 of PollEntry](repeating: PollEntry(descriptor: -1))
        var count = 0

        /// Looks at all descriptors; how many have something to report.
        mutating func look() -> Int {
            var ready = 0
            for index in 0..<count {
                entries[index].returned = Self.returned(entries[index])
                if entries[index].returned != 0 { ready += 1 }
            }
            return ready
        }

        private static func returned(_ entry: PollEntry) -> Int16 {
            if entry.descriptor < 0 { return 0 }  // POSIX: left out
            guard let file = PollCall.file(entry.descriptor) else { return PollEntry.invalid }
            return file.readiness & (entry.events | PollEntry.error | PollEntry.hangUp)
        }
    }

    private static func file(_ descriptor: Int32) -> FileRef? {
        do throws(SystemError) { return try current.value.files.file(descriptor) } catch { return nil }
    }

    /// Fills in what is ready; returns how many entries have something to report, 0 when `milliseconds` have passed
    /// (negative: never).
    /// - Throws: invalidArgument for too many; badAddress; interrupted.
    static func poll(_ address: UserAddress, count: Int, milliseconds: Int32) throws(SystemError) -> Int {
        guard count >= 0, count <= limit else { throw .invalidArgument }
        var entries = Entries()
        entries.count = count
        for index in 0..<count {
            entries.entries[index] = try (address + index * MemoryLayout<PollEntry>.stride).load(as: PollEntry.self)
        }
        var ready = entries.look()
        if ready == 0, milliseconds != 0 {
            ready = try wait(
                &entries,
                until: milliseconds < 0 ? nil : Clock.ticks(nanosecondsFromNow: UInt64(milliseconds) * 1_000_000))
        }
        for index in 0..<count { try (address + index * MemoryLayout<PollEntry>.stride).store(entries.entries[index]) }
        return ready
    }

    @inline(never)
    private static func wait(_ entries: inout Entries, until deadline: UInt64?) throws(SystemError) -> Int {
        let page = try Page.forKernel()
        var sleeper = WaitQueue()
        // The page and the queue stay until this returns, which is after the call has left all queues.
        let first = unsafe page.address.pointer.bindMemory(to: PollPlace.self, capacity: limit)
        for index in 0..<limit { unsafe (first + index).initialize(to: PollPlace()) }
        let places = unsafe Table(unsafe: first, count: limit)
        let result = unsafe withUnsafeMutablePointer(to: &sleeper) { sleeper in
            wait(&entries, places, unsafe Ref(unsafe: sleeper), until: deadline)
        }
        return try result.get()
    }

    private static func wait(
        _ entries: inout Entries, _ places: Table<PollPlace>, _ sleeper: Ref<WaitQueue>, until deadline: UInt64?
    ) -> Swift.Result<Int, SystemError> {
        // In this order: the call is in every queue before it looks, so an event wakes it or was seen.
        for index in 0..<entries.count {
            file(entries.entries[index].descriptor)?.withPollQueue { $0.join(places.ref(index), waking: sleeper) }
        }
        defer {
            for index in 0..<entries.count {
                file(entries.entries[index].descriptor)?.withPollQueue { $0.leave(places.ref(index)) }
            }
        }
        do throws(SystemError) {
            return .success(
                try sleeper.value.wait(until: deadline) { () throws(SystemError) -> Int? in
                    let ready = entries.look()
                    return ready > 0 ? ready : nil
                })
        } catch {
            return error == .timedOut ? .success(0) : .failure(error)
        }
    }
}
