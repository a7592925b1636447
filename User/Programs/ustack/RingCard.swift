// Packet rings as the stack wants a card; and the memory that a stack is given.

import NetStack
import SystemInterface
import UserLibrary

/// A card whose frames are copied between rings and packets.
struct RingCard: NetworkDevice, ~Copyable {
    private var port: PacketPort
    private let pool: PacketPool
    /// Frames were put into the ring since the last call.
    private var hasUnsent = false

    init(_ port: PacketPort, _ pool: PacketPool) {
        self.port = port
        self.pool = pool
    }

    var hardwareAddress: EthernetAddress { EthernetAddress(bits: port.hardware) }
    var mtu: Int { 1500 }
    var capabilities: NetworkCapabilities { [] }
    var isLinkUp: Bool { true }
    var patience: UInt64 { .max }

    mutating func transmit(_ frame: consuming LentPacket) -> LentPacket? {
        guard port.transmit.available > 0 else { return frame }
        let buffer = port.transmit.slot.buffer
        var count = 0
        frame.forEachPart { part in
            port.buffer(buffer).write(part.bytes, at: count)
            count += part.count
        }
        port.transmit.slot = PacketSlot(buffer: buffer, length: count)
        port.transmit.advance()
        hasUnsent = true
        return nil
    }

    mutating func flush() {
        guard hasUnsent else { return }
        hasUnsent = false
        port.transmit.release()
        synchronise(.transmit)
    }

    mutating func receive() -> Packet? {
        guard port.receive.available > 0, var packet = pool.take() else { return nil }
        let slot = port.receive.slot
        guard packet.resize(to: min(slot.length, Packet.capacity)) else { return nil }
        var bytes = packet.mutableBytes
        port.buffer(slot.buffer).read(into: &bytes)
        port.receive.advance()
        return packet
    }

    mutating func reclaim(now: UInt64) {}

    mutating func rearm() -> Bool {
        port.receive.release()
        synchronise(.receive)
        return port.receive.available > 0
    }

    mutating func accept(_ filter: ReceiveFilter) {}

    /// The heads are this card's own, so that the call cannot refuse them.
    private func synchronise(_ what: PacketRingSync) {
        do throws(SystemError) { try port.synchronise(what) } catch { fail("rings_sync: \(error)") }
    }
}

/// Memory from the break, for a stack and its packets; it stays as long as the program.
@safe struct StackMemory {
    private static var sockets: Int { 64 }
    private static var packets: Int { 256 }
    private let packetMemory: UnsafeMutableRawPointer
    private let tables: UnsafeMutableRawPointer

    init() throws(SystemError) {
        unsafe packetMemory = try Self.pages((Self.packets + 1) * PacketPool.bufferSize)
        unsafe tables = try Self.pages(NetStack<RingCard>.memoryNeeded(sockets: Self.sockets))
    }

    /// Zeroed memory, aligned to a page.
    private static func pages(_ byteCount: Int) throws(SystemError) -> UnsafeMutableRawPointer {
        let start = try System.moveBreak(by: Int32(byteCount + 4096))
        // Not at 0, where the program is.
        return unsafe UnsafeMutableRawPointer(bitPattern: (start + 4095) & ~4095).unsafelyUnwrapped
    }

    func stack(over port: PacketPort) -> NetStack<RingCard> {
        // The memory was taken for this, as large as is needed, and stays.
        guard
            let pool = unsafe PacketPool(
                memory: packetMemory, byteCount: (Self.packets + 1) * PacketPool.bufferSize)
        else { fail("no memory for packets") }
        var seed = System.clock
        do throws(SystemError) { seed = try System.randomNumber() } catch {}
        var stack = unsafe NetStack<RingCard>(
            pool: pool, memory: tables, sockets: Self.sockets,
            pages: TablePages(unsafe: { _ in unsafe StackMemory.page() }), random: RandomGenerator(seed: seed))
        _ = stack.addInterface(RingCard(port, pool))
        return stack
    }

    /// Memory that a table grows by: aligned to a page, and never given back.
    private static func page() -> UnsafeMutableRawPointer? {
        // as large as a table wants it
        do throws(SystemError) { return unsafe try pages(4096) } catch { return nil }
    }
}
