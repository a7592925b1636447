// The two kinds of passage: between two cards, and between a card and the stack.

import SystemInterface
import UserLibrary

/// Waits until any of these ports has frames, or has room if it is waited for; false after a ^C, which may have come
/// while a line was printed.
private func wait(_ entries: inout [PollEntry]) -> Bool {
    if Interrupts.came() { return false }
    do throws(SystemError) { _ = try System.poll(&entries, milliseconds: 1000) } catch {
        return !Interrupts.came()
    }
    return true
}

/// Moves frames from one ring to another of the same region: buffers change places. How many.
private func swap(_ from: inout PacketRingView, _ to: inout PacketRingView, most: Int) -> Int {
    let count = min(from.available, to.available, most)
    guard count > 0 else { return 0 }
    for _ in 0..<count {
        let slot = from.slot
        let other = to.slot
        to.slot = slot
        from.slot = PacketSlot(buffer: other.buffer, length: 0)
        from.advance()
        to.advance()
    }
    from.release()
    to.release()
    return count
}

/// Between a card and this machine's stack.
struct HostPassage {
    private var port: PacketPort
    private let batch: Int
    private var passed = Passed()

    init(_ port: PacketPort, batch: Int) {
        self.port = port
        self.batch = batch
    }

    mutating func run() {
        while true {
            let there = swap(&port.receive, &port.hostTransmit, most: batch)
            let back = swap(&port.hostReceive, &port.transmit, most: batch)
            passed.add(there, back)
            passed.showEachSecond()
            // The call looks at the rings first, and does not wait while there is something to do.
            var entries = [PollEntry(descriptor: port.descriptor.rawValue)]
            if !wait(&entries) { break }
        }
        passed.finish()
    }
}

/// Between two cards.
struct CardPassage {
    private var first: PacketPort
    private var second: PacketPort
    private let batch: Int
    private var passed = Passed()

    init(_ first: PacketPort, _ second: PacketPort, batch: Int) {
        self.first = first
        self.second = second
        self.batch = batch
    }

    mutating func run() {
        while true {
            let there = Self.copy(&first, &second, most: batch)
            let back = Self.copy(&second, &first, most: batch)
            passed.add(there, back)
            passed.showEachSecond()
            // Frames that wait here for room there need no look at where they came from.
            var entries = [
                PollEntry(
                    descriptor: first.descriptor.rawValue,
                    events: (first.receive.available > 0 ? 0 : PollEntry.readable)
                        | (second.receive.available > 0 ? PollEntry.writable : 0)),
                PollEntry(
                    descriptor: second.descriptor.rawValue,
                    events: (second.receive.available > 0 ? 0 : PollEntry.readable)
                        | (first.receive.available > 0 ? PollEntry.writable : 0)),
            ]
            if !wait(&entries) { break }
        }
        passed.finish()
    }

    private static func copy(_ from: inout PacketPort, _ to: inout PacketPort, most: Int) -> Int {
        let count = min(from.receive.available, to.transmit.available, most)
        guard count > 0 else { return 0 }
        for _ in 0..<count {
            let slot = from.receive.slot
            let buffer = to.transmit.slot.buffer
            to.buffer(buffer).copy(from.buffer(slot.buffer), slot.length)
            to.transmit.slot = PacketSlot(buffer: buffer, length: slot.length)
            from.receive.advance()
            to.transmit.advance()
        }
        from.receive.release()
        to.transmit.release()
        return count
    }
}
