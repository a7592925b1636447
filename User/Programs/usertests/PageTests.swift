// Pages that are shared until written, and those that may not be touched.

import SystemInterface
import UserLibrary

enum PageTests {
    static var all: [Test] {
        [
            Test("cow", copyOnWrite), Test("cowchain", copyOnWriteChain), Test("cowcopyout", copyOnWriteCopyOut),
            Test("textwrite", textWrite), Test("stackguard", stackGuard), Test("kernelmemory", kernelMemory),
            Test("execdata", executeData),
        ]
    }

    /// Parent and child share nothing that either changes.
    static func copyOnWrite() {
        let count: UInt = 512
        let start = at(memory(count * page))
        for index in 0..<count { store(1, start + index * page) }
        let free = resourcesBefore().freePages
        inChild(0, "a child that counts") {
            expect(Int(free) - Int(resources().freePages) < 60, "fork of 512 pages takes only tables")
        }
        child {
            for index in 0..<count {
                round = index
                expect(Int(load(start + index * page)), 1, "the child has the parent's page")
                store(2, start + index * page)
            }
            pause(3)
            for index in 0..<count {
                round = index
                expect(Int(load(start + index * page)), 2, "the child's page is its own")
            }
        }
        for index in 0..<count { store(3, start + index * page) }
        expect(waitStatus(), 0, "the child")
        for index in 0..<count {
            round = index
            expect(Int(load(start + index * page)), 3, "the parent's page is its own")
        }
    }

    /// Ten generations, each of which changes one page and sees those of its forefathers.
    static func copyOnWriteChain() {
        let start = at(memory(10 * page))
        generation(0, start)
        for index: UInt in 0..<10 {
            expect(Int(load(start + index * page)), index == 0 ? 1 : 0, "the first one's pages")
        }
    }

    private static func generation(_ number: UInt, _ start: UInt) {
        for index in 0..<number { expect(Int(load(start + index * page)), Int(index) + 1, "a forefather's page") }
        store(UInt8(number + 1), start + number * page)
        if number < 9 { inChild(0, "the next generation") { generation(number + 1, start) } }
        for index in number + 1..<10 {
            expect(Int(load(start + index * page)), 0, "a page that only descendants changed")
        }
    }

    /// The kernel's copies out give a shared page a copy too.
    static func copyOnWriteCopyOut() {
        MemoryTests.makeFileInPlace()
        let bytes = memory(4 * page)
        for index in 0..<4 { bytes[index * 4096] = 9 }
        let pipe = PipeTests.make()
        inChild(0, "a child that reads into shared pages") {
            call(.read, open("file"), at(bytes), 10).gives(10, "read from a file")
            call(.write, pipe.write, at("pipe"), 4).gives(4, "write to a pipe")
            call(.read, pipe.read, at(bytes) + page, 4).gives(4, "read from a pipe")
            call(.fstat, UInt(open("file")), at(bytes) + 2 * page).gives(0, "fstat")
            call(.pipe, at(bytes) + 3 * page).gives(0, "pipe")
            expect(bytes[0] == 0x61 && bytes[4096] == 0x70, "what was read")
        }
        for index in 0..<4 { expect(Int(bytes[index * 4096]), 9, "the parent's page after a copy out to the child's") }
        remove("file")
    }

    static func textWrite() {
        dies("a store to the text") { store(0, 0) }
        dies("a store to the text, of what is there") { store(load(8), 8) }
        dies("a store to constants") { store(1, at("constant")) }
        MemoryTests.makeFileInPlace()
        let file = open("file")
        call(.read, file, 0, 10).fails(.badAddress, "a read to the text")
        call(.read, file, at("constant"), 4).fails(.badAddress, "a read to constants")
        call(.pipe, 64).fails(.badAddress, "pipe to the text")
        call(.fstat, file, 64).fails(.badAddress, "fstat to the text")
        inChild(0, "the same in a child, where pages are shared") {
            call(.read, file, 0, 10).fails(.badAddress, "a read to the text")
            dies("a store to the text, in a grandchild") { store(0, 0) }
        }
        remove("file")
    }

    /// The stack, and below it a guard page.
    static func stackGuard() {
        let stack = stackBottom
        store(load(stack), stack)
        store(load(stackTop - 1), stackTop - 1)
        dies("a load from the guard page") { _ = load(stack - 1) }
        dies("a store to the guard page") { store(1, stack - page) }
        dies("a deep recursion") { _ = recurse(100_000) }
        call(.write, open("file", 0x202), stack - page, 10).fails(.badAddress, "a write from the guard page")
        call(.write, open("file", 0x202), stack - 10, 10).fails(.badAddress, "a write from the end of the guard page")
        call(.open, stack - 8, 0).fails(.badAddress, "a path in the guard page")
        exec(at("/echo"), with: stack - 8).fails(.badAddress, "an argument in the guard page")
        remove("file")
    }

    @inline(never)  // each depth takes a frame of the stack
    private static func recurse(_ depth: Int) -> Int {
        depth == 0 ? 0 : recurse(depth - 1) + Int(load(0) & 0) + 1
    }

    /// Whatever the kernel keeps in the upper half and at the end of the lower one, a program cannot see it.
    static func kernelMemory() {
        for address in CallTests.wild {
            round = address
            dies("a load from an address that is no process's") { _ = load(address) }
            dies("a store to an address that is no process's") { store(1, address) }
        }
    }

    /// Data and stack cannot be executed.
    static func executeData() {
        let bytes = memory(page)
        dies("a jump to the heap") { jump(to: at(bytes)) }
        dies("a jump to constants") { jump(to: at("constant") & ~3) }
        dies("a jump beyond the limit") { jump(to: userLimit) }
        dies("a jump into the kernel") { jump(to: 0xffff_ffc0_8020_0000) }
        var local: UInt8 = 0
        dies("a jump to the stack") { jump(to: withAddress(of: &local) { $0 } & ~7) }
    }

    private static func jump(to address: UInt) {
        // the jump is what is tested: it ends the process
        unsafe unsafeBitCast(address, to: (@convention(c) () -> Void).self)()
    }
}
