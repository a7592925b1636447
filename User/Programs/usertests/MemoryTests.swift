// sbrk, and pages that come when they are touched.

import SystemInterface
import UserLibrary

enum MemoryTests {
    static var all: [Test] {
        [
            Test("sbrkbasic", sbrkBasic), Test("sbrkeager", sbrkEager), Test("sbrkzeroed", sbrkZeroed),
            Test("sbrkshrink", sbrkShrink),
            Test("sbrkunaligned", sbrkUnaligned), Test("sbrklimit", sbrkLimit), Test("sbrkkind", sbrkKind),
            Test("lazytouch", lazyTouch),
            Test("lazycopy", lazyCopy), Test("beyondbreak", beyondBreak), Test("sparse", sparse),
        ]
    }

    private static func sbrk(_ bytes: Int, _ type: UInt = 1) -> Outcome { call(.sbrk, int(bytes), type) }

    /// Byte by byte, each new one usable.
    static func sbrkBasic() {
        var end = breakAddress
        for index in 0..<5000 {
            round = UInt(index)
            sbrk(1).gives(Int(end), "sbrk(1) gives the old break")
            store(UInt8(index & 255), end)
            expect(Int(load(end)), index & 255, "the new byte")
            end += 1
        }
        round = nil
        inChild(0, "sbrk in a child") {
            sbrk(1).gives(Int(end), "a child's break is its parent's")
            sbrk(1).gives(Int(end) + 1, "sbrk in a child")
        }
        sbrk(0).gives(Int(end), "the child's sbrk is its own")
    }

    /// An eager sbrk reserves memory, or fails and changes nothing.
    static func sbrkEager() {
        let end = breakAddress
        let before = resourcesBefore()
        sbrk(1_048_576_000).fails(.noMemory, "sbrk of 1,048,576,000 bytes")
        sbrk(Int(Int32.max)).fails(.noMemory, "sbrk of 2 GiB")
        sbrk(Int(before.freePages * 4096)).fails(.noMemory, "sbrk of all free pages")
        sbrk(0).gives(Int(end), "the break after an sbrk that failed")
        let lostTables = Int(before.freePages) - Int(resources().freePages)
        expect(lostTables <= 3, "free pages after an sbrk that failed, but for a table or two")
        sbrk(1000 * 4096).gives(Int(end), "sbrk of 1000 pages")
        let used = Int(before.freePages) - Int(resources().freePages)
        expect(used >= 1000 && used <= 1005, "1000 pages are reserved at once")
        sbrk(-1000 * 4096).gives(Int(end) + 1000 * 4096, "sbrk back")
        let lost = Int(before.freePages) - Int(resources().freePages)
        expect(lost <= 5, "the pages are free again")
    }

    /// Pages that come back are zeroed.
    static func sbrkZeroed() {
        for type: UInt in [1, 2] {
            let start = memory(10 * page)
            for index in 0..<Int(10 * page) { start[index] = 0x99 }
            sbrk(-Int(10 * page)).gives(Int(at(start) + 10 * page), "shrink")
            sbrk(Int(10 * page), type).gives(Int(at(start)), "grow again")
            for index in 0..<Int(10 * page) where start[index] != 0 {
                round = UInt(index)
                expect(false, "a page that came back is zeroed")
            }
        }
    }

    static func sbrkShrink() {
        let end = breakAddress
        sbrk(-Int(end) - 1).gives(Int(end), "a shrink below zero gives the old break")
        sbrk(Int(Int32.min)).gives(Int(end), "a shrink by 2 GiB gives the old break")
        sbrk(0).gives(Int(end), "a shrink below zero does nothing")
        dies("a process without memory") {
            _ = sbrk(-Int(end))
            exit(0)
        }
        // Pages that were given back fault.
        dies("a store to a page that was given back") {
            sbrk(3 * Int(page)).succeeds("grow")
            let address = breakAddress - 1
            store(1, address)
            sbrk(-2 * Int(page)).succeeds("shrink")
            store(1, address)
        }
        // Below the stack and up again: the guard page is memory like all other.
        inChild(0, "a heap that grows from below the stack") {
            let start = memory(page)
            var local: UInt8 = 0
            let stack = withAddress(of: &local) { $0 } & ~(page - 1)
            expect(at(start) > stack, "the heap is above the stack")
        }
    }

    /// The break may be anywhere; memory is given by whole pages.
    static func sbrkUnaligned() {
        let start = at(memory(page))
        sbrk(1).gives(Int(start + page), "one byte beyond a page")
        store(7, start + 2 * page - 1)
        sbrk(-2).gives(Int(start + page) + 1, "two bytes back")
        store(7, start + page - 1)
        dies("a store to the page that was given back") { store(1, start + page) }
        sbrk(2, 2).gives(Int(start + page) - 1, "two bytes lazily")
        expect(Int(load(start + page)), 0, "the page that came back is zeroed")
        expect(Int(load(start + page - 1)), 7, "the page that stayed has its bytes")
        sbrk(-1).gives(Int(start + page) + 1, "one byte back")
        dies("a load from the page that was given back") { _ = load(start + page) }
    }

    /// User memory ends at 0x3fffffe000, for both kinds.
    static func sbrkLimit() {
        growLazily(to: userLimit - 100)
        for type: UInt in [1, 2] {
            sbrk(101, type).fails(.noMemory, "sbrk past the limit")
            sbrk(Int(Int32.max), type).fails(.noMemory, "sbrk far past the limit")
        }
        sbrk(100, 2).gives(Int(userLimit) - 100, "sbrk to the limit")
        sbrk(1, 2).fails(.noMemory, "a lazy byte beyond the limit")
        sbrk(1, 1).fails(.noMemory, "an eager byte beyond the limit")
        store(5, userLimit - 1)
        expect(Int(load(userLimit - 1)), 5, "the last byte of all")
        dies("a load beyond the last byte") { _ = load(userLimit) }
        call(.write, open("file", 0x202), userLimit - 10, 11).fails(.badAddress, "a write from across the limit")
        remove("file")
    }

    private static func growLazily(to end: UInt) {
        while breakAddress < end {
            let step = min(end - breakAddress, 1 << 30)
            sbrk(Int(step), 2).succeeds("a lazy sbrk")
        }
    }

    /// Only a growing sbrk with type 2 is lazy; whatever else stands in a1 is eager.
    static func sbrkKind() {
        for type: UInt in [0, 1, 3, 0x1234, at("x"), 0xffff_ffff] {
            round = type
            sbrk(1_000_000_000, type).fails(.noMemory, "an eager sbrk of 1 GB")
        }
        round = nil
        let end = breakAddress
        let free = resourcesBefore().freePages
        sbrk(1_000_000_000, 2).gives(Int(end), "a lazy sbrk of 1 GB")
        expect(Int(resources().freePages), Int(free), "a lazy sbrk takes no page")
        sbrk(-1_000_000_000, 2).gives(Int(end) + 1_000_000_000, "a shrink with type 2")
        sbrk(0).gives(Int(end), "the break after it")
    }

    static func lazyTouch() {
        let start = (breakAddress + page) & ~(page - 1)
        let free = resourcesBefore().freePages
        sbrk(100 << 20, 2).succeeds("a lazy sbrk")
        for address in stride(from: start, to: start + 90 << 20, by: 1 << 20) {
            round = address
            expect(Int(load(address)), 0, "a lazy page is zeroed")
            store(UInt8(address >> 20 & 0xff), address + 5)
        }
        for address in stride(from: start, to: start + 90 << 20, by: 1 << 20) {
            round = address
            expect(Int(load(address + 5)), Int(address >> 20 & 0xff), "a lazy page keeps what was stored")
        }
        round = nil
        let used = Int(free) - Int(resources().freePages)
        expect(used >= 90 && used < 150, "90 touched pages cost 90 pages and their tables")
        sbrk(-100 << 20).succeeds("shrink")
        expect(Int(free) - Int(resources().freePages) < 60, "the touched pages are given back")
    }

    /// The kernel's copies in and out touch lazy pages too.
    static func lazyCopy() {
        let start = (breakAddress + page) & ~(page - 1)
        sbrk(Int(64 * page), 2).succeeds("a lazy sbrk")
        makeFileInPlace()
        let file = open("file")
        call(.read, file, start + page - 100, 200).gives(200, "a read across two lazy pages")
        expect(Int(load(start + page - 100)), 0x61, "what was read")
        expect(Int(load(start + page + 99)), 0x61, "what was read")
        close(file)
        call(.open, start + 10 * page, 0).succeeds("open of a lazy path, which is empty: the working directory")
        call(.fstat, 3, start + 12 * page - 4).gives(0, "fstat to lazy pages")
        call(.pipe, start + 14 * page - 4).gives(0, "pipe to lazy pages")
        let out = open("out", 0x201)
        call(.write, out, start + 20 * page, 3 * page).gives(Int(3 * page), "a write from lazy pages")
        let pid = child { exit(0x0102_0304) }
        call(.wait, start + 31 * page - 2).gives(pid, "wait to lazy pages")
        expect(Int(load(start + 31 * page)), 2, "the status")
        remove("file")
        remove("out")
    }

    static func makeFileInPlace() {
        let file = open("file", 0x201)
        for _ in 0..<100 { call(.write, file, at("aaaaaaaaaa"), 10).gives(10, "write") }
        close(file)
    }

    static func beyondBreak() {
        let end = (breakAddress + page - 1) & ~(page - 1)
        dies("a load beyond the break") { _ = load(end) }
        dies("a store beyond the break") { store(1, end) }
        dies("a load far beyond the break") { _ = load(end + 1 << 30) }
        call(.write, open("file", 0x202), end, 1).fails(.badAddress, "a write from beyond the break")
        remove("file")
    }

    /// A heap of 256 GiB with a few pages in it: fork, exit, exec and shrink are quick.
    static func sparse() {
        let base = breakAddress
        growLazily(to: userLimit)
        for index in 0..<8 { store(UInt8(index + 1), base + page + UInt(index) << 35 - UInt(index) * 4096) }
        for _ in 0..<20 {
            inChild(0, "a child with a sparse heap") {
                for index in 0..<8 {
                    expect(
                        Int(load(base + page + UInt(index) << 35 - UInt(index) * 4096)), index + 1,
                        "a sparse page in the child")
                }
            }
        }
        inChild(77, "exec with a sparse heap") { ExecTests.execute(["usertests", "=exec", "77"]) }
        inChild(0, "a shrink of 256 GiB") {
            while breakAddress > base + 1 << 31 { sbrk(-1 << 30).succeeds("shrink") }
        }
    }
}
