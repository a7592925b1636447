// The practical limit of a card: frames that go straight through the driver, without a stack and without a program. What `bench`
// compares the stack with.

import Drivers
import NetStack
import SystemInterface

extension Network {
    /// Sends so many frames of 60 bytes that are for nobody, each submitted by itself; returns how many the card took.
    static func loopDevice(_ interface: Int, count: Int) throws(SystemError) -> Int {
        guard count >= 0, count <= 10_000 else { throw .invalidArgument }
        return try withStack { (stack) throws(SystemError) -> Int in
            guard interface < stack.interfaceCount else { throw .networkDown }
            let pool = stack.pool
            return stack.withInterface(interface) { Self.send(count, through: &$0.device, pool) } ?? 0
        }
    }

    private static func send<Device: NetworkDevice & ~Copyable>(_ count: Int, through device: inout Device, _ pool: PacketPool) -> Int {
        var sent = 0
        var patience = 10_000_000
        while sent < count, patience > 0 {
            guard let frame = emptyFrame(pool) else { break }
            if device.transmit(frame) == nil { sent += 1 } else { patience -= 1 }
            device.flush()
            device.reclaim(now: Clock.nanoseconds)
        }
        return sent
    }

    /// To a station that is not there, of a type for experiments (IEEE 802, 0x88b5).
    private static func emptyFrame(_ pool: PacketPool) -> Packet? {
        guard var frame = pool.take(), frame.resize(to: 60) else { return nil }
        var bytes = frame.mutableBytes
        EthernetHeader(destination: EthernetAddress(2, 0, 0, 0, 0, 1), source: .zero, type: 0x88b5).emit(to: &bytes)
        return frame
    }
}
