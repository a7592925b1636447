// pkt-gen -f rx and -f pong: counts what comes; as pong, it sends it back with the addresses exchanged.

import SystemInterface
import UserLibrary

struct Receiver {
    private let settings: Settings
    private var port: PacketPort
    private let answers: Bool
    private var tally = Tally()

    init(_ settings: Settings, _ port: PacketPort, answers: Bool) {
        self.settings = settings
        self.port = port
        self.answers = answers
    }

    mutating func run() throws(SystemError) {
        var received = 0
        var turns = 0
        while received < settings.count {
            tally.showEachSecond()
            turns += 1
            // Also without a call that was interrupted: a ^C may have come while a line was printed.
            if port.receive.available == 0 || turns % 16 == 0, Interrupts.came() { break }
            let available = min(port.receive.available, settings.batch, settings.count - received)
            guard available > 0 else {
                do throws(SystemError) {
                    // The other end of a pipe has gone: nothing comes any more.
                    let events = try port.wait(for: PollEntry.readable, milliseconds: 1000)
                    if events & PollEntry.hangUp != 0, port.receive.available == 0 { break }
                } catch .interrupted {}  // the next turn asks
                continue
            }
            var bytes = 0
            for _ in 0..<available {
                let slot = port.receive.slot
                bytes += slot.length
                if answers { answer(slot) }
                port.receive.advance()
            }
            port.receive.release()
            received += available
            tally.add(available, bytes: bytes)
            try port.synchronise(answers ? [.transmit, .receive] : .receive)
        }
        tally.finish("Received")
        if port.receive.dropped > 0 { print("\(port.receive.dropped) more were dropped: no slot was free") }
    }

    /// Sends a frame back in its own buffer, which changes places with that of a transmit slot.
    private mutating func answer(_ slot: PacketSlot) {
        guard port.transmit.available > 0 else { return }
        let bytes = port.buffer(slot.buffer)
        guard bytes.number16(12) == 0x0800, slot.length >= Template.headerCount else { return }
        Self.exchange(0, 6, 6, bytes)
        Self.exchange(26, 30, 4, bytes)
        Self.exchange(34, 36, 2, bytes)
        let other = port.transmit.slot.buffer
        port.transmit.slot = slot
        port.transmit.advance()
        port.transmit.release()
        port.receive.slot = PacketSlot(buffer: other, length: 0)
    }

    private static func exchange(_ a: Int, _ b: Int, _ count: Int, _ bytes: PacketBytes) {
        for index in 0..<count { (bytes[a + index], bytes[b + index]) = (bytes[b + index], bytes[a + index]) }
    }
}
