// Packet rings whose slots name the buffers of other rings: what a request may name, and whose end gives what back.

import SystemInterface
import UserLibrary

extension RingTests {
    /// A request for rings whose slots have buffers of others, from a number on.
    private static func borrowing(
        _ name: StaticString, _ lender: UInt, from first: UInt16, slots: UInt32 = 8
    ) -> PacketRingsRequest {
        var request = request(name, slots: slots)
        (request.buffersOf, request.firstBuffer) = (UInt16(truncatingIfNeeded: lender + 1), first)
        return request
    }

    /// Rings whose slots name buffers of others; what else a request may not name.
    static func shared() {
        var first = request("pipe:lend")
        first.extraBuffers = 16
        let lender = UInt(attempt(&first).succeeds("rings_open"))
        var second = borrowing("pipe:use", lender, from: 16)
        let user = UInt(attempt(&second).succeeds("rings_open with buffers of others"))
        expect(Int(second.byteCount), 5 * 4096, "a region of slots alone")
        let slots = Memory<UInt64>(address: UInt(second.address) + UInt(PacketRingLayout.slots(1)))
        expect(PacketSlot(rawValue: slots[0]).buffer, 24, "the first buffer of the receive ring")
        expectNone(UInt(second.address) + UInt(PacketRingLayout.buffers))
        // A third one's are those of the first.
        var third = borrowing("pipe:third", user, from: 0, slots: 16)
        close(UInt(attempt(&third).succeeds("rings_open with buffers of others' others")))
        for number: UInt16 in [17, 32, 1014, .max] {
            var wild = borrowing("pipe:wild", lender, from: number)
            attempt(&wild).fails(.invalidArgument, "more buffers than the others have")
        }
        var wild = borrowing("pipe:wild", lender, from: 0, slots: 17)
        attempt(&wild).fails(.invalidArgument, "more slots than the others have buffers")
        wild = borrowing("pipe:wild", lender, from: 0)
        wild.extraBuffers = 1
        attempt(&wild).fails(.invalidArgument, "extra buffers of others")
        wild = request("pipe:wild")
        wild.firstBuffer = 1
        attempt(&wild).fails(.invalidArgument, "a first buffer of its own")
        for number: UInt in [50, 1099, 0xfffe] {
            var wild = borrowing("pipe:wild", number, from: 0)
            attempt(&wild).fails(.badDescriptor, "buffers of no file")
        }
        let ends = PipeTests.make()
        for number in [ends.read, 0] {
            var wild = borrowing("pipe:wild", number, from: 0)
            attempt(&wild).fails(.invalidArgument, "buffers of no rings")
        }
        inChild(0, "a child of a process with rings") {
            var wild = borrowing("pipe:wild", lender, from: 0)
            attempt(&wild).fails(.badDescriptor, "buffers of the parent's rings")
        }
        for other in [user, ends.read, ends.write, lender] { close(other) }
        expectNone(UInt(first.address))
    }

    /// Closed first, the rings that lend leave their region to those that borrow, and their place to others.
    static func lenders() {
        for order in 0..<2 {
            var first = request("pipe:lend")
            first.extraBuffers = 16
            let lender = UInt(attempt(&first).succeeds("rings_open"))
            var one = borrowing("pipe:use", lender, from: 16)
            let user = UInt(attempt(&one).succeeds("rings_open"))
            var end = request("pipe:use")
            let other = UInt(attempt(&end).succeeds("rings_open"))
            if order == 0 { close(lender) }
            let byte = UInt(first.address) + UInt(PacketRingLayout.buffers + 24 * PacketRingLayout.bufferSize)
            // A frame of the other end's comes into a buffer of the region that was lent.
            Memory<UInt8>(address: UInt(end.address) + UInt(PacketRingLayout.buffers))[20] = 77
            Memory<UInt64>(address: UInt(end.address) + UInt(PacketRingLayout.slots(0)))[0] =
                PacketSlot(buffer: 0, length: 60).rawValue
            word(UInt(end.address), PacketRingLayout.head)[0] = 1
            call(.ringsSync, other, 1).gives(0, "rings_sync")
            expect(Int(word(UInt(one.address), 64 + PacketRingLayout.tail)[0]), 1, "frames that came")
            expect(Int(Memory<UInt8>(address: byte)[20]), 77, "a byte of the frame")
            if order == 0 {
                // The name of the pipe is free: both ends again.
                close(open("pipe:lend").descriptor)
            }
            close(user)
            if order == 1 {
                call(.ringsSync, lender, 3).gives(0, "rings_sync of rings that lent buffers")
                close(lender)
            }
            expectNone(UInt(first.address))
            close(other)
        }
        // With all of them open when the test ends, and after exec: all comes back.
        _ = child {
            var first = request("pipe:lend")
            first.extraBuffers = 16
            let lender = UInt(attempt(&first).succeeds("rings_open"))
            var one = borrowing("pipe:use", lender, from: 16)
            attempt(&one).succeeds("rings_open")
            ExecTests.execute(["echo", "exec with rings that lend"])
        }
        expect(Int(waitStatus()), 0, "the status of a process that called exec")
        let lender = open("pipe:lend")
        var one = borrowing("pipe:use", lender.descriptor, from: 0)
        attempt(&one).succeeds("rings_open")
    }
}
