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
        var page = try Page.forKernel()
        return try replaceProgram(path) { (stack, space) throws(SystemError) in
            var index = 0
            while true {
                let pointer = try (arguments + index * 8).load(as: UInt64.self)
                if pointer == 0 { return }
                index += 1
                try stack.push(UserAddress(pointer), through: &page, to: &space)
            }
        }
    }

    /// Makes the running thread, which is a new process without memory, the program /init.
    static func startInit() throws(SystemError) {
        let path: [5 of UInt8] = [0x2f, 0x69, 0x6e, 0x69, 0x74]  // "/init"
        let count = try replaceProgram(path.span) { (stack, space) throws(SystemError) in
            try stack.push(path.span.rawBytes, to: &space)
            BootArguments.forEachWord { stack.pushIfRoom($0, to: &space) }
        }
        current.frame.value.a0 = UInt64(count)
        // User mode with interrupts on (sstatus.SPP = 0, SPIE = 1).
        current.frame.value.sstatus = 1 << 5
    }

    private static func replaceProgram(
        _ path: borrowing Span<UInt8>,
        _ pushArguments: (inout ArgumentStack, inout AddressSpace) throws(SystemError) -> Void
    ) throws(SystemError) -> Int {
        let process = current
        let inode = try process.withWorkingDirectory { (directory) throws(SystemError) in
            try FileStore.system.lookUp(path, from: directory)
        }
        var space = try AddressSpace()
        let program = try ELFLoader.load(inode, into: &space)
        var stack = try ProgramStack.make(in: &space, isMarked: program.isMarked)
        try pushArguments(&stack, &space)
        let stackPointer = try stack.pushPointers(to: &space)

        process.value.files.closePrivate()
        process.value.thread.value.table = space.table
        LoadedTable.load(space.table)
        fence_instructions()
        process.value.space = consume space
        process.value.files.setLimit(isMarked: program.isMarked)
        process.noteMemory()
        setName(of: process.value.thread, path)
        process.value.pingSequence = 0
        // The new program did not ask to be told of ^C.
        if process.value.setInterruptMode(.ends) { process.markKilled(.interrupted) }
        process.frame.value.sepc = program.entry
        process.frame.value.sp = UInt64(stackPointer)
        process.frame.value.a1 = UInt64(stackPointer)
        return stack.count
    }

    /// The process is called by the last component of the path.
    private static func setName(of thread: ThreadRef, _ path: borrowing Span<UInt8>) {
        var start = 0
        for index in 0..<path.count where path[index] == 0x2f { start = index + 1 }
        thread.value.name = ThreadName(repeating: 0)
        for index in 0..<min(15, path.count - start) { thread.value.name[index] = path[start + index] }
    }
}
