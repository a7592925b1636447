// poll: waits until one of several descriptors is ready. The call joins the queue of each thing that it names, looks at all, and sleeps.

import Machine
import SystemInterface

enum Poll {
    /// Descriptors of a call whose entries lie on the kernel stack; a call with more takes pages for them.
    private static let onStack = 16

    private struct Slot {
        var entry = PollEntry(descriptor: -1)
        var link = PollEntryLink()
    }

    /// Fills in what is ready; returns how many entries have something to tell, 0 when `milliseconds` have passed (negative: never).
    static func poll(_ entries: UserAddress, count: Int, milliseconds: Int32) throws(SystemError) -> Int {
        guard count >= 0, count <= Limit.openFilesPerProcess else { throw .invalidArgument }
        if count <= onStack {
            var slots = [16 of Slot](repeating: Slot())
            return try withUnsafeMutablePointer(to: &slots) { (slots) throws(SystemError) in
                try poll(entries, UnsafeMutableRawPointer(slots).assumingMemoryBound(to: Slot.self), count, milliseconds)
            }
        }
        guard let memory = Pages.allocateContiguous(bytes: count * MemoryLayout<Slot>.stride) else { throw .noMemory }
        let pages = (count * MemoryLayout<Slot>.stride + Int(pageSize) - 1) / Int(pageSize)
        defer { for page in 0..<pages { Pages.release(memory + UInt(page) * pageSize) } }
        let slots = memory.pointer.bindMemory(to: Slot.self, capacity: count)
        for i in 0..<count { (slots + i).initialize(to: Slot()) }
        return try poll(entries, slots, count, milliseconds)
    }

    private static func poll(
        _ entries: UserAddress, _ slots: UnsafeMutablePointer<Slot>, _ count: Int, _ milliseconds: Int32
    ) throws(SystemError) -> Int {
        for i in 0..<count { slots[i].entry = try (entries + i * MemoryLayout<PollEntry>.stride).load(as: PollEntry.self) }
        var ready = look(slots, count)
        if ready == 0, milliseconds != 0 {
            ready = try wait(slots, count, until: milliseconds < 0 ? nil : Clock.ticks(nanosecondsFromNow: UInt64(milliseconds) * 1_000_000))
        }
        for i in 0..<count { try (entries + i * MemoryLayout<PollEntry>.stride).store(slots[i].entry) }
        return ready
    }

    private static func wait(
        _ slots: UnsafeMutablePointer<Slot>, _ count: Int, until deadline: UInt64?
    ) throws(SystemError) -> Int {
        var poller = Poller()
        return try withUnsafeMutablePointer(to: &poller) { (poller) throws(SystemError) in
            // In this order: the call is in every queue before it looks, so an event wakes it or was seen.
            for i in 0..<count {
                guard let file = current.pointee.files[slots[i].entry.descriptor] else { continue }
                file.pointee.withPollQueue { $0.join(link(slots, i), poller) }
            }
            defer { for i in 0..<count { PollQueue.leave(link(slots, i)) } }
            do throws(SystemError) {
                return try poller.pointee.queue.wait(until: deadline) { () throws(SystemError) -> Int? in
                    let ready = look(slots, count)
                    return ready > 0 ? ready : nil
                }
            } catch {
                guard error == .timedOut else { throw error }
                return 0
            }
        }
    }

    private static func link(_ slots: UnsafeMutablePointer<Slot>, _ i: Int) -> UnsafeMutablePointer<PollEntryLink> {
        withUnsafeMutablePointer(to: &slots[i].link) { $0 }  // the slots stay where they are for the whole call
    }

    /// Looks at all descriptors; how many have something to tell.
    private static func look(_ slots: UnsafeMutablePointer<Slot>, _ count: Int) -> Int {
        var ready = 0
        for i in 0..<count {
            slots[i].entry.returned = returned(slots[i].entry)
            if slots[i].entry.returned != 0 { ready += 1 }
        }
        return ready
    }

    private static func returned(_ entry: PollEntry) -> Int16 {
        if entry.descriptor < 0 { return 0 }  // POSIX: left out
        guard let file = current.pointee.files[entry.descriptor] else { return PollEntry.invalid }
        return file.pointee.readiness & (entry.events | PollEntry.error | PollEntry.hangUp)
    }
}
