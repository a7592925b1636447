// The control queue of a network device (VirtIO 1.2, section 5.1.6.5): which frames the device is to receive, with
// which offloads, and through how many pairs of queues.
//
// Promise: no thread waits for the device. One set of commands is under way at a time, and the newest filter follows
// when its answers are back. A device that refuses, or never answers, lets through what it did before; the stack looks
// at every frame anyway.

import Packets

struct VirtIONetControl<Queue: Virtqueue & ~Copyable>: ~Copyable {
    /// struct virtio_net_ctrl: class in the low byte, command in the high one.
    private enum Command {
        static var promiscuous: UInt16 { 0x0000 }  // VIRTIO_NET_CTRL_RX, _PROMISC
        static var allMulticast: UInt16 { 0x0100 }  // VIRTIO_NET_CTRL_RX, _ALLMULTI
        static var setTable: UInt16 { 0x0001 }  // VIRTIO_NET_CTRL_MAC, _TABLE_SET
        static var setPairs: UInt16 { 0x0004 }  // VIRTIO_NET_CTRL_MQ, _VQ_PAIRS_SET
        static var setOffloads: UInt16 { 0x0005 }  // VIRTIO_NET_CTRL_GUEST_OFFLOADS, _SET
    }
    /// Where a command's parts lie in its slot of `buffer`: class and command, what belongs to them, and at the end the
    /// answer.
    private enum Slot {
        static var byteCount: Int { 128 }
        static var command: Int { 0 }
        static var data: Int { 2 }
        static var answer: Int { 127 }
    }
    /// VIRTIO_NET_OK, and a value that the device does not write.
    private static var accepted: UInt8 { 0 }
    private static var unanswered: UInt8 { 0xff }
    /// Promiscuous, all multicast, table; offloads; pairs.
    private static var commandCount: Int { 5 }
    private static var pairsSlot: Int { 4 }
    /// Command and answer.
    private static var descriptorsPerCommand: UInt16 { 2 }

    private var queue: Queue
    private let buffer: DMABuffer<Queue.Memory>
    /// Commands that the device has, and the first slot of them.
    private var underWay = 0
    private var firstSlot = 0
    /// What is to be received, and whether the device was told; with which features on, and whether it was told.
    private var filter: ReceiveFilter?
    private var isFilterNew = false
    private var offloads: UInt64?
    private var areOffloadsNew = false
    /// Pairs of queues to be used, whether the device is to be told, and its answer until that is taken.
    private var pairs: UInt16?
    private var arePairsNew = false
    private var pairsAnswer: Bool?
    /// Commands that the device refused.
    private(set) var refused: UInt64 = 0

    init<Transport: VirtIOTransport>(
        _ index: UInt16, of transport: Transport, in memory: Queue.Memory, features: UInt64
    ) throws(VirtIOError) {
        guard let buffer = DMABuffer(byteCount: Self.commandCount * Slot.byteCount, in: memory) else {
            throw transport.refuse(.noMemory)
        }
        let queue = try Queue(index, of: transport, in: memory, options: VirtqueueOptions(features))
        queue.maskInterrupts()
        self.buffer = buffer
        self.queue = queue
    }

    /// `work` tells the device.
    mutating func note(_ filter: ReceiveFilter) {
        self.filter = filter
        isFilterNew = true
    }

    /// - Parameter offloads: the features of `VirtIONetFeature` that are to be on.
    mutating func note(_ offloads: UInt64) {
        self.offloads = offloads
        areOffloadsNew = true
    }

    /// - Parameter pairs: of queues that the device is to use, from 2 on.
    mutating func note(pairs: UInt16) {
        self.pairs = pairs
        arePairsNew = true
    }

    /// Whether the device accepted the pairs; nil: it has not answered since the last time.
    mutating func takePairsAnswer() -> Bool? { pairsAnswer.take() }

    /// Gives the queue to a device that was reset, which has forgotten what it was told. Between FEATURES_OK and
    /// DRIVER_OK.
    mutating func restart<Transport: VirtIOTransport>(of transport: Transport) throws(VirtIOError) {
        try queue.restart(of: transport)
        queue.maskInterrupts()
        (underWay, isFilterNew, areOffloadsNew) = (0, filter != nil, offloads != nil)
        (arePairsNew, pairsAnswer) = (pairs != nil, nil)
    }

    /// Takes answers, and sends the newest wishes when there is none under way.
    /// - Returns: whether there is more to come.
    @inline(never)
    mutating func work<Transport: VirtIOTransport>(_ transport: Transport) -> Bool {
        let sent = underWay
        while queue.popUsed() != nil { underWay -= 1 }
        guard underWay == 0 else { return !queue.isBroken }
        for i in 0..<sent {
            let answer = slot(firstSlot + i).part(Slot.answer, 1)
            answer.takeFromDevice(.deviceWrites)
            let isAccepted = answer.load(0, as: UInt8.self) == Self.accepted
            if !isAccepted { refused += 1 }
            if firstSlot + i == Self.pairsSlot { pairsAnswer = isAccepted }
        }
        if arePairsNew, let pairs, hasRoom(1) {
            arePairsNew = false
            firstSlot = Self.pairsSlot
            send(Self.pairsSlot, Command.setPairs, 2) { $0.store(pairs.littleEndian, 0) }
        } else if isFilterNew, let filter, hasRoom(3) {
            isFilterNew = false
            send(filter)
        } else if areOffloadsNew, let offloads, hasRoom(1) {
            areOffloadsNew = false
            firstSlot = 3
            send(3, Command.setOffloads, 8) { $0.store(offloads.littleEndian, 0) }
        } else {
            return false
        }
        queue.kick(transport)
        return true
    }

    private func hasRoom(_ commands: UInt16) -> Bool { queue.freeCount >= commands * Self.descriptorsPerCommand }

    private mutating func send(_ filter: ReceiveFilter) {
        firstSlot = 0
        send(0, Command.promiscuous, 1) { $0.store(filter.isPromiscuous ? 1 : 0 as UInt8, 0) }
        send(1, Command.allMulticast, 1) { $0.store(filter.takesAllGroups ? 1 : 0 as UInt8, 0) }
        // Two tables, each a 32-bit count and six bytes an entry: no unicast addresses beside its own, and the groups.
        send(2, Command.setTable, 8 + 6 * filter.groupCount) { table in
            table.store(0 as UInt32, 0)
            table.store(UInt32(filter.groupCount).littleEndian, 4)
            for i in 0..<filter.groupCount {
                for k in 0..<6 { table.store(filter[i][k], 8 + 6 * i + k) }
            }
        }
    }

    private func slot(_ number: Int) -> DMABuffer<Queue.Memory> { buffer.part(Slot.byteCount * number, Slot.byteCount) }

    @inline(never)
    private mutating func send(
        _ number: Int, _ command: UInt16, _ count: Int, _ fill: (DMABuffer<Queue.Memory>) -> Void
    ) {
        guard var chain = queue.startChain(count: Self.descriptorsPerCommand) else { return }
        let slot = slot(number)
        let order = slot.part(Slot.command, Slot.data + count), answer = slot.part(Slot.answer, 1)
        order.store(command.littleEndian, 0)
        fill(order.part(Slot.data, count))
        answer.store(Self.unanswered, 0)
        order.giveToDevice(.deviceReads)
        queue.append(order.deviceAddress, byteCount: UInt32(order.byteCount), .deviceReads, to: &chain)
        answer.giveToDevice(.deviceWrites)
        queue.append(answer.deviceAddress, byteCount: 1, .deviceWrites, to: &chain)
        queue.submit(chain)
        underWay += 1
    }
}
