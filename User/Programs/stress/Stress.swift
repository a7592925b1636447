// stress: a mix of everything that programs do, on all harts, from a seed, for a set time; every content is verified.

import SystemInterface
import UserLibrary

@main enum Stress: Program {
    static let usage: StaticString = """
        usage: stress [-s seed] [-t seconds] [-p processes]
        Processes (8) write, verify and remove files, links and directories, fork, execute, send through pipes and change their
        memory at random for a while (10 s). The seed is printed; the same one gives the same actions.
        Exit status 0 if all contents were right, and all memory, files and processes came back.
        """
    static let options: StaticString? = LoadOptions.letters

    private static var directory: Path { "/stress.tmp" }

    static func run(_ arguments: Arguments) -> Int32 {
        if arguments.count == 2, arguments[0] == "=exit" { return Int32(arguments[1].number ?? 1) }
        do throws(SystemError) {
            let options = try LoadOptions(arguments, processes: 8)
            print("stress: seed \(options.seed), \(options.processes) processes, \(options.seconds) s")
            try makeDirectory()
            try System.unlink(directory)
            let before = try Balance()
            try makeDirectory()
            let (failures, actions) = try runWorkers(options)
            Remover.empty(directory)
            try System.unlink(directory)
            print("\(actions) actions, \(failures) processes failed")
            let status = before.report(failed: failures > 0)
            if status == 0 { print("\(options.seconds) s of stress: all as it should be") }
            return status
        } catch {
            fail("\(error)")
        }
    }

    private static func makeDirectory() throws(SystemError) {
        do throws(SystemError) { try System.makeDirectory(directory) } catch .fileExists { Remover.empty(directory) }
    }

    /// Starts the workers and waits for them. Each sends its number of actions through a pipe.
    private static func runWorkers(_ options: LoadOptions) throws(SystemError) -> (failures: Int, actions: Int) {
        let counts = try System.pipe()
        let deadline = options.deadline
        for number in 0..<options.processes {
            if try System.fork() == 0 {
                try System.close(counts.read)
                var worker = Worker(number: number, seed: options.seed)
                var actions: UInt64 = 0
                do throws(SystemError) {
                    try System.changeDirectory(directory)
                    try worker.prepare()
                    while System.clock < deadline {
                        try worker.act()
                        actions += 1
                    }
                    try worker.finish()
                } catch {
                    fail("process \(number), after \(actions) actions, in \(worker.action): \(error)")
                }
                var bytes: [UInt8] = []
                for shift: UInt64 in stride(from: 0, to: 64, by: 8) {
                    bytes.append(UInt8(truncatingIfNeeded: actions >> shift))
                }
                try writePiece(counts.write, bytes, count: 8)
                System.exit(0)
            }
        }
        try System.close(counts.write)
        var failures = 0
        for _ in 0..<options.processes { if try System.wait().status != 0 { failures += 1 } }
        var actions = 0
        var count = [UInt8](repeating: 0, count: 8)
        while try readPiece(counts.read, into: &count) == 8 {
            for index in 0..<8 { actions += Int(count[index]) << (8 * index) }
        }
        try System.close(counts.read)
        return (failures, actions)
    }
}
