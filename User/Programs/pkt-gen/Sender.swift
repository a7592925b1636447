// pkt-gen -f tx: as many frames as there is room for, or as the rate allows.

import SystemInterface
import UserLibrary

struct Sender {
    private let settings: Settings
    private var port: PacketPort
    private var tally = Tally()
    /// Batches between two looks at the clock, which costs as much as some frames.
    private static var stride: Int { 16 }

    init(_ settings: Settings, _ template: Template, _ port: PacketPort) {
        self.settings = settings
        self.port = port
        // Buffers keep what they hold: each is written once.
        let frame = template.frame(settings.length)
        for number in 0..<port.transmit.count { port.buffer(number).fill(from: frame) }
    }

    mutating func run() throws(SystemError) {
        let start = System.clock
        var sent = 0
        var batch = 0
        while sent < settings.count {
            batch += 1
            if settings.rate > 0 || batch % Self.stride == 0 {
                tally.showEachSecond()
                if Interrupts.came() { break }
            }
            var room = min(port.transmit.available, settings.batch, settings.count - sent)
            if settings.rate > 0 {
                let due = allowed(at: System.clock - start) - sent
                guard due > 0 else {
                    if !sleep(until: start + UInt64(sent) * 1_000_000_000 / settings.rate) { break }
                    continue
                }
                room = min(room, due)
            }
            guard room > 0 else {
                if !waitForRoom() { break }
                continue
            }
            for _ in 0..<room {
                port.transmit.slot = PacketSlot(buffer: port.transmit.slot.buffer, length: settings.length)
                port.transmit.advance()
            }
            port.transmit.release()
            try port.synchronise(.transmit)
            sent += room
            tally.add(room, bytes: room * settings.length)
        }
        drain()
        tally.finish("Sent")
        let lost = port.transmit.dropped
        if lost > 0 { print("\(lost) of them were dropped: the link is down") }
    }

    /// Frames that may be sent in so many nanoseconds.
    private func allowed(at time: UInt64) -> Int {
        Int(time / 1_000_000_000 * settings.rate + time % 1_000_000_000 * settings.rate / 1_000_000_000) + 1
    }

    /// False after a ^C.
    private func sleep(until time: UInt64) -> Bool {
        let now = System.clock
        guard time > now else { return true }
        do throws(SystemError) { try System.sleep(nanoseconds: min(time - now, 500_000_000)) } catch {
            return !Interrupts.came()
        }
        return true
    }

    /// False after a ^C.
    private mutating func waitForRoom() -> Bool {
        do throws(SystemError) {
            _ = try port.wait(for: PollEntry.writable, milliseconds: 1000)
            tally.showEachSecond()
            return !Interrupts.came()
        } catch {
            return !Interrupts.came()
        }
    }

    /// Waits until the card has taken all: a second at most after the last one, and not after a ^C.
    private mutating func drain() {
        var patience = 20
        while port.transmit.available < port.transmit.count - 1, patience > 0 {
            patience -= 1
            do throws(SystemError) {
                try port.synchronise(.transmit)
                if port.transmit.available < port.transmit.count - 1 { try System.sleep(nanoseconds: 5_000_000) }
            } catch { return }
        }
    }
}
