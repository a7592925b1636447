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
            let there = port.receive.pass(to: &port.hostTransmit, most: batch)
            let back = port.hostReceive.pass(to: &port.transmit, most: batch)
            passed.add(there, back)
            passed.showEachSecond()
            // The call looks at the rings first, and does not wait while there is something to do.
            var entries = [PollEntry(descriptor: port.descriptor.rawValue)]
            if !wait(&entries) { break }
        }
        passed.finish()
    }
}

/// Between two cards, the second with buffers of the first.
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
            let there = first.receive.pass(to: &second.transmit, most: batch)
            let back = second.receive.pass(to: &first.transmit, most: batch)
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
}
