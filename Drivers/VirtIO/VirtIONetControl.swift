// The control queue of a network device (VirtIO 1.2, section 5.1.6.5): tells the device what to receive.
//
// Promise: nobody waits for the device. One set of commands is under way at a time, and the newest filter follows when it is
// back. A device that refuses, or never answers, lets through what it did; the stack looks at every frame anyway.

import Packets

struct VirtIONetControl<Memory: DMA>: ~Copyable {
    /// Classes and commands.
    private enum Command {
        static var promiscuous: UInt16 { 0x0000 }  // VIRTIO_NET_CTRL_RX, _PROMISC
        static var allMulticast: UInt16 { 0x0100 }  // VIRTIO_NET_CTRL_RX, _ALLMULTI
        static var setTable: UInt16 { 0x0001 }  // VIRTIO_NET_CTRL_MAC, _TABLE_SET
    }
    /// Bytes of one command in `buffer`: two of class and command, what belongs to it, and at the end the answer.
    private static var slot: Int { 128 }
    private static var answerOffset: Int { 127 }

    let memory: Memory
    var queue: Virtqueue<Memory>
    let buffer: UnsafeMutableRawPointer
    /// Commands that the device has.
    var underWay = 0
    var wanted: ReceiveFilter?
    /// Commands that the device refused.
    var refused: UInt64 = 0

    init<Transport: VirtIOTransport>(
        _ index: UInt16, of transport: Transport, in memory: Memory, usesEventIndex: Bool
    ) throws(VirtIOError) {
        var options = VirtqueueOptions()
        options.usesEventIndex = usesEventIndex
        guard let buffer = memory.allocate(byteCount: 3 * Self.slot) else { throw transport.refuse(.noMemory) }
        let queue = try Virtqueue(index, of: transport, in: memory, options: options)
        queue.maskInterrupts()
        self.buffer = buffer
        self.memory = memory
        self.queue = queue
    }

    /// - Returns: whether `work` is to be called later.
    mutating func accept<Transport: VirtIOTransport>(_ filter: ReceiveFilter, _ transport: Transport) -> Bool {
        wanted = filter
        return work(transport)
    }

    /// Takes answers, and sends the newest filter when there is none under way.
    /// - Returns: whether there is more to come.
    @inline(never)
    mutating func work<Transport: VirtIOTransport>(_ transport: Transport) -> Bool {
        while queue.popUsed() != nil {
            underWay -= 1
            guard underWay == 0 else { continue }
            for i in 0..<3 {
                let answer = buffer + Self.slot * i + Self.answerOffset
                memory.takeFromDevice(answer, byteCount: 1, .deviceWrites)
                if answer.load(as: UInt8.self) != 0 { refused += 1 }
            }
        }
        guard underWay == 0, let filter = wanted, queue.freeCount >= 6 else { return underWay > 0 && !queue.isBroken }
        wanted = nil
        send(0, Command.promiscuous, 1) { $0.storeBytes(of: filter.isPromiscuous ? 1 : 0, as: UInt8.self) }
        send(1, Command.allMulticast, 1) { $0.storeBytes(of: filter.takesAllGroups ? 1 : 0, as: UInt8.self) }
        // Two tables, each a 32-bit count and six bytes an entry: no unicast addresses beside its own, and the groups.
        send(2, Command.setTable, 8 + 6 * filter.groupCount) { table in
            table.storeBytes(of: 0, as: UInt32.self)
            table.storeBytes(of: UInt32(filter.groupCount), toByteOffset: 4, as: UInt32.self)
            for i in 0..<filter.groupCount {
                for k in 0..<6 { table.storeBytes(of: filter[i][k], toByteOffset: 8 + 6 * i + k, as: UInt8.self) }
            }
        }
        queue.kick(transport)
        return true
    }

    @inline(never)
    private mutating func send(_ number: Int, _ command: UInt16, _ count: Int, _ fill: (UnsafeMutableRawPointer) -> Void) {
        guard var chain = queue.startChain(count: 2) else { return }
        let start = buffer + Self.slot * number
        start.storeBytes(of: command.littleEndian, as: UInt16.self)
        fill(start + 2)
        (start + Self.answerOffset).storeBytes(of: 0xff, as: UInt8.self)
        memory.giveToDevice(start, byteCount: 2 + count, .deviceReads)
        queue.append(memory.deviceAddress(of: start), byteCount: UInt32(2 + count), .deviceReads, to: &chain)
        memory.giveToDevice(start + Self.answerOffset, byteCount: 1, .deviceWrites)
        queue.append(memory.deviceAddress(of: start + Self.answerOffset), byteCount: 1, .deviceWrites, to: &chain)
        queue.submit(chain)
        underWay += 1
    }
}
