// poll: waits until one of several descriptors is ready. The call joins the queue of each thing that it names, looks at
// all, and sleeps. Its entries stay in the program's memory, where each look reads them.

import Machine
import Storage
import SystemInterface

enum PollCall {
    private static func file(_ descriptor: Int32) -> FileRef? {
        do throws(SystemError) { return try current.value.files.file(descriptor) } catch { return nil }
    }

    /// The entries that one call names.
    private struct Entries {
        let address: UserAddress
        let count: Int

        func place(_ index: Int) -> UserAddress { address + index * MemoryLayout<PollEntry>.stride }

        /// Looks at all descriptors and fills in what is ready; how many have something to report.
        /// - Throws: badAddress.
        func look() throws(SystemError) -> Int {
            var ready = 0
            for index in 0..<count {
                var entry = try place(index).load(as: PollEntry.self)
                entry.returned = Self.returned(entry)
                try place(index).store(entry)
                if entry.returned != 0 { ready += 1 }
            }
            return ready
        }

        private static func returned(_ entry: PollEntry) -> Int16 {
            if entry.descriptor < 0 { return 0 }  // POSIX: left out
            guard let file = PollCall.file(entry.descriptor) else { return PollEntry.invalid }
            return file.readiness & (entry.events | PollEntry.error | PollEntry.hangUp)
        }

        /// Calls `body` with the poll queue of each thing that is named, and its index.
        func forEachQueue(_ body: (Int, borrowing PollQueue) -> Void) throws(SystemError) {
            for index in 0..<count {
                let descriptor = try place(index).load(as: PollEntry.self).descriptor
                PollCall.file(descriptor)?.withPollQueue { body(index, $0) }
            }
        }
    }

    /// Fills in what is ready; returns how many entries have something to report, 0 when `milliseconds` have passed
    /// (negative: never).
    /// - Throws: invalidArgument for more entries than the program may have descriptors; noMemory; badAddress;
    ///   interrupted.
    static func poll(_ address: UserAddress, count: Int, milliseconds: Int32) throws(SystemError) -> Int {
        guard count >= 0, count <= current.value.files.limit else { throw .invalidArgument }
        let entries = Entries(address: address, count: count)
        let ready = try entries.look()
        if ready > 0 || milliseconds == 0 { return ready }
        let deadline = milliseconds < 0 ? nil : Clock.ticks(nanosecondsFromNow: UInt64(milliseconds) * 1_000_000)
        do throws(SystemError) {
            return try wait(entries, until: deadline)
        } catch {
            guard error == .timedOut else { throw error }
            return 0
        }
    }

    @inline(never)
    private static func wait(_ entries: Entries, until deadline: UInt64?) throws(SystemError) -> Int {
        let places = try PollPlaces(entries.count)
        var sleeper = WaitQueue()
        // The call leaves all queues before this returns.
        return try unsafe withUnsafeMutablePointer(to: &sleeper) { place throws(SystemError) in
            let sleeper = unsafe Ref(unsafe: place)
            defer { places.leaveAll() }
            // In this order: the call is in every queue before it looks, so an event wakes it or was seen.
            try entries.forEachQueue { index, polls in polls.join(places[index], waking: sleeper) }
            return try sleeper.value.wait(until: deadline) { () throws(SystemError) -> Int? in
                let ready = try entries.look()
                return ready > 0 ? ready : nil
            }
        }
    }
}

/// The places of one call in poll queues, in pages of their own. Its end takes them out of all queues.
private struct PollPlaces: ~Copyable {
    private static var perPage: Int { Int(pageSize) / MemoryLayout<PollPlace>.stride }

    /// The addresses of the pages; 0 for none.
    private var pages = [16 of UInt](repeating: 0)
    private let count: Int

    /// - Throws: noMemory.
    init(_ count: Int) throws(SystemError) {
        self.count = count
        precondition(count <= 16 * Self.perPage, "a poll of more entries than it has places")
        for index in 0..<(count + Self.perPage - 1) / Self.perPage {
            guard let page = Pages.allocate() else {
                for made in 0..<index { Pages.release(PhysicalAddress(directMapped: pages[made])) }
                throw .noMemory
            }
            pages[index] = page.virtual
            // Aligned, large enough, and this call's alone.
            let first = unsafe page.pointer.bindMemory(to: PollPlace.self, capacity: Self.perPage)
            let used = min(Self.perPage, count - index * Self.perPage)
            for place in 0..<used { unsafe (first + place).initialize(to: PollPlace()) }
        }
    }

    deinit {
        leaveAll()
        for index in 0..<16 where pages[index] != 0 { Pages.release(PhysicalAddress(directMapped: pages[index])) }
    }

    subscript(index: Int) -> Ref<PollPlace> {
        precondition(index >= 0 && index < count, "a poll's place beyond its entries")
        // `init` made them, and they stay until this ends.
        let first = unsafe UnsafeMutablePointer<PollPlace>(bitPattern: pages[index / Self.perPage]).unsafelyUnwrapped
        return unsafe Ref(unsafe: first + index % Self.perPage)
    }

    /// Takes the call out of all queues that it is in.
    func leaveAll() { for index in 0..<count { self[index].leave() } }
}
