// Packet rings: where they are mapped, what becomes of them at fork, exec and exit, and what wild requests and heads do.
// On pipes: these tests take no card away.

import SystemInterface
import UserLibrary

enum RingTests {
    static var all: [Test] {
        [
            Test("ringsmap", keepsRights: true, map), Test("ringsbounds", keepsRights: true, bounds),
            Test("ringsheads", keepsRights: true, heads), Test("ringspipe", keepsRights: true, pipe),
            Test("ringsfork", keepsRights: true, forks), Test("ringsexec", keepsRights: true, execs),
            Test("ringsbreak", keepsRights: true, breaks), Test("ringsshared", keepsRights: true, shared),
            Test("ringslender", keepsRights: true, lenders), Test("ringsrestrict", restricted),
        ]
    }

    static func request(_ name: StaticString, slots: UInt32 = 8) -> PacketRingsRequest {
        var request = PacketRingsRequest()
        let name = CString(name)
        for index in 0..<min(16, name.count) {
            let byte = UInt64(name[index]) << UInt64(8 * (index & 7))
            if index < 8 { request.name0 |= byte } else { request.name8 |= byte }
        }
        (request.transmitSlots, request.receiveSlots, request.hostSlots) = (slots, slots, 0)
        return request
    }

    static func attempt(_ request: inout PacketRingsRequest) -> Outcome {
        withAddress(of: &request) { call(.ringsOpen, $0) }
    }

    static func open(_ name: StaticString) -> (descriptor: UInt, region: UInt) {
        var request = request(name)
        let descriptor = UInt(attempt(&request).succeeds("rings_open"))
        return (descriptor, UInt(request.address))
    }

    static func word(_ region: UInt, _ place: Int) -> Memory<UInt32> {
        Memory<UInt32>(address: region + UInt(place))
    }

    /// The header is as asked for, the buffers can be written, and other calls read into them and write from them.
    static func map() {
        let one = open("pipe:map")
        expect(one.region >= 0x3f_8000_0000 && one.region < userLimit, "the region lies above every heap")
        expect(Int(word(one.region, PacketRingLayout.count)[0]), 8, "slots of the transmit ring")
        expect(Int(word(one.region, PacketRingLayout.tail)[0]), 7, "the transmit ring's tail")
        expect(Int(word(one.region, 64 + PacketRingLayout.tail)[0]), 0, "the receive ring's tail")
        let buffers = one.region + UInt(PacketRingLayout.buffers)
        let bytes = Memory<UInt8>(address: buffers)
        // Across two pages: 16 buffers are eight.
        for index in 0..<6000 { bytes[index] = UInt8(truncatingIfNeeded: index * 7) }
        let ends = PipeTests.make()
        call(.write, ends.write, buffers + 2000, 4000).gives(4000, "write from the region")
        call(.read, ends.read, buffers + 20_000, 4000).gives(4000, "read into the region")
        for index in 0..<4000 where bytes[20_000 + index] != bytes[2000 + index] {
            Failure.end("bytes through a pipe", "\(bytes[2000 + index])", "\(bytes[20_000 + index])")
        }
        call(.write, ends.write, buffers + 8 * page - 10, 20).gives(10, "write from the region's last bytes")
        call(.read, ends.read, buffers + 8 * page - 10, 20).gives(10, "read to the region's last bytes")
        for other in [ends.read, ends.write, one.descriptor] { close(other) }
        expectNone(buffers)
    }

    /// Nothing is mapped at an address of this process.
    static func expectNone(_ address: UInt) {
        call(.ringsOpen, address).fails(.badAddress, "a request in a region that is gone")
    }

    static func bounds() {
        for (transmit, receive, host, extra): (UInt32, UInt32, UInt32, UInt32) in [
            (0, 8, 0, 0), (1, 8, 0, 0), (513, 8, 0, 0), (8, 0, 0, 0), (8, .max, 0, 0), (8, 8, 0, .max),
            (512, 503, 0, 0),
            (512, 500, 0, 3), (.max, .max, .max, .max),
        ] {
            var wild = request("pipe:bounds")
            (wild.transmitSlots, wild.receiveSlots, wild.hostSlots, wild.extraBuffers) = (
                transmit, receive, host, extra
            )
            attempt(&wild).fails(.invalidArgument, "rings of a wild size")
        }
        for name: StaticString in ["", "xx0", "pipe", "lo", "vt0 "] {
            var wild = request(name)
            attempt(&wild).fails(.networkDown, "rings of no interface")
        }
        call(.ringsOpen, breakAddress + 8 * page).fails(.badAddress, "a request beyond the break")
        call(.ringsOpen, userLimit - 8).fails(.badAddress, "a request beyond the end")
        call(.ringsSync, 0, 3).fails(.invalidArgument, "rings_sync of the console")
        call(.ringsSync, 99, 3).fails(.badDescriptor, "rings_sync of no file")
        // As many as there are, and no more; each comes back.
        for _ in 0..<3 {
            var descriptors: [UInt] = []
            for _ in 0..<8 {
                var one = request("pipe:many")
                one.name8 = UInt64(descriptors.count / 2 + 0x61)
                descriptors.append(UInt(attempt(&one).succeeds("rings_open")))
            }
            var one = request("pipe:more")
            attempt(&one).fails(.noBufferSpace, "a ninth region")
            for descriptor in descriptors { close(descriptor) }
        }
        let first = open("pipe:b"), second = open("pipe:b")
        var third = request("pipe:b")
        attempt(&third).fails(.busy, "a third end")
        close(first.descriptor)
        close(second.descriptor)
    }

    /// A head where it may not be is refused; then a right one works.
    static func heads() {
        let one = open("pipe:heads")
        for head: UInt32 in [8, 9, 0x8000_0000, .max] {
            word(one.region, PacketRingLayout.head)[0] = head
            call(.ringsSync, one.descriptor, 1).fails(.invalidArgument, "a transmit head beyond the ring")
        }
        word(one.region, PacketRingLayout.head)[0] = 0
        for head: UInt32 in [1, 7, 8, .max] {
            word(one.region, 64 + PacketRingLayout.head)[0] = head
            call(.ringsSync, one.descriptor, 2).fails(.invalidArgument, "a receive head beyond the tail")
        }
        var entry = PollEntry(descriptor: Int32(one.descriptor), events: PollEntry.writable)
        withAddress(of: &entry) { call(.poll, $0, 1, 0).gives(1, "poll") }
        expect(entry.returned == PollEntry.writable | PollEntry.error, "poll reports a wrong head")
        word(one.region, 64 + PacketRingLayout.head)[0] = 0
        call(.ringsSync, one.descriptor, 3).gives(0, "rings_sync")
        call(.read, one.descriptor, one.region, 8).fails(.invalidArgument, "read")
        call(.write, one.descriptor, one.region, 8).fails(.invalidArgument, "write")
        close(one.descriptor)
    }

    /// Frames go through, in order; an end that is closed hangs the other one up.
    static func pipe() {
        do throws(SystemError) {
            var one = try PacketPort("pipe:p", transmitSlots: 8, receiveSlots: 8)
            var other = try PacketPort("pipe:p", transmitSlots: 8, receiveSlots: 8)
            for number in 0..<40 {
                let buffer = one.transmit.slot.buffer
                one.buffer(buffer)[20] = UInt8(number)
                one.transmit.slot = PacketSlot(buffer: buffer, length: 60 + number)
                one.transmit.advance()
                one.transmit.release()
                try one.synchronise(.transmit)
                expect(other.receive.available, 1, "frames that came")
                expect(other.receive.slot.length, 60 + number, "the frame's length")
                expect(Int(other.buffer(other.receive.slot.buffer)[20]), number, "a byte of the frame")
                other.receive.advance()
                other.receive.release()
                try other.synchronise(.receive)
            }
            try one.close()
            let events = try other.wait(for: PollEntry.readable, milliseconds: 0)
            expect(events == PollEntry.hangUp, "an end without another one hangs up")
            try other.close()
        } catch {
            Failure.end("a pipe of packets", "no error", "\(error)")
        }
    }

    /// A child has neither the mapping nor the descriptor, and its end changes nothing.
    static func forks() {
        let one = open("pipe:fork")
        inChild(-1, "a load from the parent's region") { _ = load(one.region) }
        inChild(0, "a child of a process with rings") {
            call(.ringsSync, one.descriptor, 3).fails(.badDescriptor, "the parent's rings")
            let second = open("pipe:fork")
            expect(Int(second.descriptor), Int(one.descriptor), "the lowest free descriptor")
            exit(0)
        }
        call(.ringsSync, one.descriptor, 3).gives(0, "rings_sync after a fork")
        let second = UInt(call(.dup, one.descriptor).succeeds("dup"))
        close(one.descriptor)
        call(.ringsSync, second, 3).gives(0, "rings_sync by the other descriptor")
        expect(Int(word(one.region, PacketRingLayout.count)[0]), 8, "the region of the other descriptor")
        // With its end still open when the test ends: all comes back.
    }

    /// exec gives the rings back, also of a process that goes on.
    static func execs() {
        let pid = child {
            _ = open("pipe:exec")
            ExecTests.execute(["sleep", "30"])
        }
        for _ in 0..<100 {
            let one = open("pipe:exec")
            var request = request("pipe:exec")
            let outcome = attempt(&request)
            if outcome.error == nil {
                close(UInt(outcome.value))
                close(one.descriptor)
                call(.kill, int(pid)).gives(0, "kill")
                expect(waitStatus(), -1, "the status of a killed child")
                return
            }
            close(one.descriptor)
            pause(1)
        }
        Failure.end("rings of a process that called exec", "given back", "kept")
    }

    /// While there are rings, no break reaches them; a heap that is there already leaves no room for any.
    static func breaks() {
        let old = breakAddress
        let one = open("pipe:break")
        var steps = 0
        while System.raw(SystemCallNumber.sbrk.rawValue, 0x7fff_f000, 2, 0, 0).value != -1 { steps += 1 }
        expect(breakAddress <= 0x3f_8000_0000, "the break stays below the region")
        expect(breakAddress > 0x3e_0000_0000, "and reaches far")
        store(1, 0x3e_0000_0000)
        inChild(0, "a child with a large heap") { expect(Int(load(0x3e_0000_0000)), 1, "a byte of the heap") }
        expect(Int(word(one.region, PacketRingLayout.count)[0]), 8, "the region")
        close(one.descriptor)
        call(.sbrk, 0x7fff_f000, 2).succeeds("a break where the region was")
        store(1, 0x3f_8000_0000)
        var late = request("pipe:break")
        attempt(&late).fails(.noMemory, "rings where the heap is")
        while breakAddress > old {
            let step = min(breakAddress - old, 0x7fff_f000)
            call(.sbrk, int(-Int(step)), 1).succeeds("sbrk down")
        }
        let second = open("pipe:break")
        expect(Int(word(second.region, PacketRingLayout.count)[0]), 8, "rings after the heap has gone")
        close(second.descriptor)
    }

    static func restricted() {
        var request = request("pipe:r")
        attempt(&request).fails(.notPermitted, "rings without the right")
    }
}
