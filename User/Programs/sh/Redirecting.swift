// Redirections: descriptors that stand for something else, for a command or for good.

import SystemInterface
import UserLibrary

enum Redirecting {
    /// Carries redirections out, one after the other; false, with a complaint, if one fails.
    static func apply(_ redirections: [Redirection]) -> Bool {
        for redirection in redirections {
            let target = FileDescriptor(redirection.descriptor)
            do throws(SystemError) {
                switch redirection.target {
                case .input(let word): try open(word, [], at: target)
                case .output(let word): try open(word, [.writeOnly, .create, .truncate], at: target)
                case .append(let word): try open(word, [.writeOnly, .create, .append], at: target)
                case .readWrite(let word): try open(word, [.readWrite, .create], at: target)
                case .descriptor(let number): try System.duplicate(FileDescriptor(number), as: target)
                case .closed: try System.close(target)
                }
            } catch {
                complain("\(name(redirection)): \(error)")
                return false
            }
        }
        return true
    }

    private static func name(_ redirection: Redirection) -> Text {
        switch redirection.target {
        case .input(let word), .output(let word), .append(let word), .readWrite(let word): Path(word.expanded()).text
        case .descriptor(let number): "descriptor \(number)"
        case .closed: "descriptor \(redirection.descriptor)"
        }
    }

    private static func open(_ word: Word, _ flags: OpenFlags, at target: FileDescriptor) throws(SystemError) {
        let opened = try System.open(Path(word.expanded()), flags)
        try move(opened, to: target)
    }

    private static func move(_ file: FileDescriptor, to target: FileDescriptor) throws(SystemError) {
        if file == target { return }
        try System.duplicate(file, as: target)
        try System.close(file)
    }

    /// Makes a pipe's end the descriptor `target` of a child.
    static func connect(_ file: FileDescriptor, to target: FileDescriptor) {
        do throws(SystemError) { try move(file, to: target) } catch { fail("pipe: \(error)") }
    }

    /// Runs `body` with redirections, and undoes them: for a command of the shell's own.
    static func during(_ redirections: [Redirection], _ body: () -> Int32) -> Int32 {
        if redirections.isEmpty { return body() }
        var saved: [(target: FileDescriptor, copy: FileDescriptor?)] = []
        for redirection in redirections {
            let target = FileDescriptor(redirection.descriptor)
            do throws(SystemError) { saved.append((target, try System.duplicate(target))) } catch .badDescriptor {
                saved.append((target, nil))
            } catch {
                complain("descriptor \(redirection.descriptor): \(error)")
                restore(saved)
                return 1
            }
        }
        let status = apply(redirections) ? body() : 1
        standardOutput.flush()
        restore(saved)
        return status
    }

    private static func restore(_ saved: [(target: FileDescriptor, copy: FileDescriptor?)]) {
        for (target, copy) in saved.reversed() {
            do throws(SystemError) {
                if let copy { try move(copy, to: target) } else { try System.close(target) }
            } catch {}  // it was not opened
        }
    }
}
