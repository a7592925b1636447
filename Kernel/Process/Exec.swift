// exec: a new program in an old process (Documentation/ABI.md, section "exec"). Everything is built aside; only when it
// is complete does it take the old program's place, so a failed exec leaves the caller as it was.

import FileSystem
import Machine
import Storage
import Synchronization
import SystemInterface

enum Exec {
    /// Executes a program with the argument strings at `arguments`; returns argc, and leaves argv in the frame's a1.
    /// - Throws: argumentsTooLong, badAddress, badExecutable, noMemory, and as `FileSystem.lookUp`.
    static func run(path: borrowing Span<UInt8>, arguments: UserAddress) throws(SystemError) -> Int {
        var scratch = try Page.forKernel()
        return try replaceProgram(path) { (stack) throws(SystemError) in
            var index = 0
            while true {
                let pointer = try (arguments + index * 8).load(as: UInt64.self)
                if pointer == 0 { return }
                index += 1
                guard index < Limit.argumentSlots else { throw .argumentsTooLong }
                try stack.push(string: try copyArgument(UserAddress(pointer), into: &scratch), from: scratch.bytes)
            }
        }
    }

    /// Copies an argument string into `page`; returns its length.
    private static func copyArgument(_ address: UserAddress, into page: inout Page) throws(SystemError) -> Int {
        var bytes = page.mutableBytes
        do throws(SystemError) {
            return try address.copyString(to: &bytes)
        } catch {
            throw error == .nameTooLong ? .argumentsTooLong : error
        }
    }

    /// Makes the running thread, which is a new process without memory, the program /init.
    static func startInit() throws(SystemError) {
        let path: [5 of UInt8] = [0x2f, 0x69, 0x6e, 0x69, 0x74]  // "/init"
        let count = try replaceProgram(path.span) { (stack) throws(SystemError) in
            try stack.push(string: path.count, from: path.span.rawBytes)
            BootArguments.forEachWord { stack.pushIfRoom($0) }
        }
        current.frame.value.a0 = UInt64(count)
        // User mode with interrupts on (sstatus.SPP = 0, SPIE = 1).
        current.frame.value.sstatus = 1 << 5
    }

    private static func replaceProgram(
        _ path: borrowing Span<UInt8>, _ pushArguments: (inout ArgumentStack) throws(SystemError) -> Void
    ) throws(SystemError) -> Int {
        let process = current
        let inode = try process.withWorkingDirectory { (directory) throws(SystemError) in
            try FileStore.system.lookUp(path, from: directory)
        }
        var space = try AddressSpace()
        let entry = try ELFLoader.load(inode, into: &space)
        var stack = try makeStack(in: &space)
        try pushArguments(&stack)
        let stackPointer = try stack.pushPointers()

        process.value.thread.value.satp = space.table.satp
        write_satp(space.table.satp)
        fence_instructions()
        process.value.space = consume space
        process.noteMemory()
        setName(of: process.value.thread, path)
        process.value.pingSequence = 0
        // The new program did not ask to be told of ^C.
        if process.value.setInterruptMode(.ends) { process.markKilled(.interrupted) }
        process.frame.value.sepc = entry
        process.frame.value.sp = UInt64(stackPointer)
        process.frame.value.a1 = UInt64(stackPointer)
        return stack.count
    }

    /// One page without access, then the stack's page, above what is loaded.
    private static func makeStack(in space: inout AddressSpace) throws(SystemError) -> ArgumentStack {
        let guardPage = pageCeiling(space.size)
        guard guardPage <= userLimit - 2 * pageSize else { throw .noMemory }
        space.guardPage = guardPage
        let page = try space.mapCleared(guardPage + pageSize, PageTableEntry.write)
        space.size = guardPage + 2 * pageSize
        return ArgumentStack(page: page, bottom: guardPage + pageSize)
    }

    /// The process is called by the last component of the path.
    private static func setName(of thread: ThreadRef, _ path: borrowing Span<UInt8>) {
        var start = 0
        for index in 0..<path.count where path[index] == 0x2f { start = index + 1 }
        thread.value.name = ThreadName(repeating: 0)
        for index in 0..<min(15, path.count - start) { thread.value.name[index] = path[start + index] }
    }
}
