// Packet rings: what a frame of 60 bytes costs through a card and through a pipe, in batches of 64.

import SystemInterface
import UserLibrary

extension Bench {
    private static var batch: Int { 64 }

    static var ringOperations: [Operation] {
        [Operation("rings-pipe") { () throws(SystemError) in try ringPipe() }]
    }

    static var ringNetworkOperations: [Operation] {
        [
            Operation("rings-send") { () throws(SystemError) in try ringSend() },
            Operation("rings-receive") { () throws(SystemError) in try ringReceive() },
            Operation("rings-bridge") { () throws(SystemError) in try ringBridge() },
        ]
    }

    /// Puts as many frames into the transmit ring as there is room for, and synchronises; how many.
    private static func put(_ most: Int, into port: inout PacketPort) throws(SystemError) -> Int {
        let count = min(port.transmit.available, most, batch)
        guard count > 0 else {
            _ = try port.wait(for: PollEntry.writable, milliseconds: 1000)
            return 0
        }
        for _ in 0..<count {
            port.transmit.slot = PacketSlot(buffer: port.transmit.slot.buffer, length: 60)
            port.transmit.advance()
        }
        port.transmit.release()
        try port.synchronise(.transmit)
        return count
    }

    /// Takes what is in the receive ring, of so many frames; how many. Waits for a second.
    private static func take(_ most: Int, from port: inout PacketPort) throws(SystemError) -> Int {
        if port.receive.available == 0 { _ = try port.wait(for: PollEntry.readable, milliseconds: 1000) }
        let count = min(port.receive.available, most)
        for _ in 0..<count { port.receive.advance() }
        port.receive.release()
        return count
    }

    /// A frame of zeros to a station that is not there in each buffer of the transmit ring.
    private static func prepare(_ port: PacketPort) {
        for number in 0..<port.transmit.count {
            let bytes = port.buffer(number)
            for index in 0..<60 { bytes[index] = 0 }
            bytes[0] = 2
            for index in 0..<6 { bytes[6 + index] = UInt8(truncatingIfNeeded: port.hardware >> UInt64(8 * index)) }
            bytes.set16(0x88b5, 12)
        }
    }

    /// The card of the machine, which has one.
    private static func openCard() throws(SystemError) -> PacketPort {
        do throws(SystemError) { return try PacketPort("vt0") } catch .networkDown {}
        do throws(SystemError) { return try PacketPort("ne0") } catch .networkDown {}
        return try PacketPort("shm0")
    }

    private static func ringSend() throws(SystemError) {
        var port = try openCard()
        prepare(port)
        try showDifference("rings-send") { (count) throws(SystemError) in
            var left = count
            while left > 0 { left -= try put(left, into: &port) }
        }
        try port.close()
    }

    /// Frames a second out of a program, for two seconds.
    static func showRingRate() throws(SystemError) {
        var port = try openCard()
        prepare(port)
        var count = 0
        let end = System.clock + 2_000_000_000
        while System.clock < end {
            // The clock is a system call: not for each batch.
            for _ in 0..<16 { count += try put(batch, into: &port) }
        }
        try port.close()
        show("ringed", UInt64(count / 2))
    }

    /// Asks the station for a thousand datagrams as fast as it can send them, through the stack and a port that holds
    /// its card; they come when the port is synchronised next.
    private static func order(_ socket: FileDescriptor, _ port: inout PacketPort) throws(SystemError) {
        try writePiece(socket, ("send 64 1000 0" as Text).bytes, count: 14)
        while port.hostReceive.available == 0 { _ = try port.wait(for: PollEntry.readable, milliseconds: 1000) }
        _ = port.hostReceive.pass(to: &port.transmit, most: batch)
    }

    /// A thousand datagrams that come as fast as the station can send them; over shared memory what the other machine
    /// sends, from its first frame on.
    private static func ringReceive() throws(SystemError) {
        do throws(SystemError) {
            var port = try PacketPort("shm0")
            while port.receive.available == 0 { _ = try port.wait(for: PollEntry.readable, milliseconds: 1000) }
            return try showReceived(&port)
        } catch .networkDown {}
        let socket = try ringCommander()
        var port = try openCard()
        try order(socket, &port)
        try showReceived(&port)
        try System.close(socket)
    }

    /// Measures what comes until nothing has come for a second, and closes the port.
    private static func showReceived(_ port: inout PacketPort) throws(SystemError) {
        var received = 0
        let interval = try interval(1, warmUp: 0) { () throws(SystemError) in
            while true {
                let count = try take(batch, from: &port)
                if count == 0 { return }
                received += count
            }
        }
        try port.close()
        guard received > 100 else { throw .timedOut }
        show("rings-receive", interval.instructions, of: received)
    }

    /// The same passed on to a second card, as `bridge` does it.
    private static func ringBridge() throws(SystemError) {
        let socket = try ringCommander()
        var first = try PacketPort("vt0", transmitSlots: 248, receiveSlots: 256, hostSlots: 2, extraBuffers: 504)
        var second = try PacketPort("vt1", transmitSlots: 248, receiveSlots: 256, hostSlots: 0, buffersOf: first)
        try order(socket, &first)
        var passed = 0
        let interval = try interval(1, warmUp: 0) { () throws(SystemError) in
            while true {
                passed += first.receive.pass(to: &second.transmit, most: batch)
                _ = second.receive.pass(to: &first.transmit, most: batch)
                // What waits there would make each poll return at once.
                _ = first.hostReceive.pass(to: &first.transmit, most: batch)
                var entries = [
                    PollEntry(descriptor: first.descriptor.rawValue), PollEntry(descriptor: second.descriptor.rawValue),
                ]
                if try System.poll(&entries, milliseconds: 1000) == 0 { return }
            }
        }
        let sent = Int(second.transmit.frames)
        try second.close()
        try first.close()
        try System.close(socket)
        guard passed > 100, sent == passed else { throw .timedOut }
        show("rings-bridge", interval.instructions, of: passed)
    }

    private static func ringPipe() throws(SystemError) {
        let count = 64 * 200
        try child { () throws(SystemError) in
            var port = try PacketPort("pipe:bench")
            prepare(port)
            var left = count + batch
            while left > 0 { left -= try put(left, into: &port) }
            while port.transmit.available < port.transmit.count - 1 {
                _ = try port.wait(for: PollEntry.readable, milliseconds: 10)
            }
        }
        var port = try PacketPort("pipe:bench")
        var left = batch
        while left > 0 { left -= try take(left, from: &port) }
        try measure("rings-pipe", 1, times: count, warmUp: 0) { () throws(SystemError) in
            var left = count
            while left > 0 { left -= try take(min(left, batch), from: &port) }
        }
        try port.close()
        _ = try System.wait()
    }
}
