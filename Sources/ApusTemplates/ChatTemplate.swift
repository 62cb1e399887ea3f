import ApusBase

/// A model's chat template: Jinja source that turns a conversation into the text that the model was trained on.
///
/// Rendering agrees with Jinja 3.1 as Hugging Face transformers sets it up for `apply_chat_template`
/// (immutable sandbox, `trim_blocks`, `lstrip_blocks`, loop controls). Templates cannot reach files, the network or
/// the environment, and what they may use is limited by `TemplateLimits`.
public struct ChatTemplate: Sendable {
    /// What errors call the template, for example the file it came from.
    public let name: String
    private let body: [Statement]

    /// Parses a template. Throws an `InputError` that names the line for anything that is not understood.
    public init(source: String, name: String) throws(InputError) {
        self.name = name
        var lexer = try Lexer(source, subject: name)
        var parser = Parser(try lexer.run(), subject: name)
        body = try parser.run()
    }

    /// The text of a conversation.
    ///
    /// - Parameters:
    ///   - messages: the conversation, the oldest message first.
    ///   - tools: functions that the model may call, as JSON schemas; nil for none.
    ///   - addGenerationPrompt: whether to end with what begins the assistant's answer.
    ///   - bosToken: the text of the model's begin-of-sequence token; templates that write it expect no second one later.
    ///   - eosToken: the text of the model's end-of-sequence token.
    ///   - extra: further variables, for example `enable_thinking`; they replace those of the same name.
    ///   - limits: what the rendering may use.
    ///   - now: what `strftime_now` tells.
    /// - Throws: `InputError` with the line, also for what the template itself refuses by `raise_exception`.
    public func render(
        messages: [ChatMessage], tools: TemplateValue? = nil, addGenerationPrompt: Bool = true, bosToken: String? = nil,
        eosToken: String? = nil, extra: [String: TemplateValue] = [:], limits: TemplateLimits = TemplateLimits(),
        now: CivilTime = .current()
    ) throws(InputError) -> String {
        var variables: [String: TemplateValue] = [
            "messages": .array(messages.map { $0.value }), "tools": tools ?? .null, "documents": .null,
            "add_generation_prompt": .bool(addGenerationPrompt),
        ]
        variables["bos_token"] = bosToken.map { .string($0) }
        variables["eos_token"] = eosToken.map { .string($0) }
        return try render(variables: variables.merging(extra) { $1 }, limits: limits, now: now)
    }

    /// The text that the template gives for any variables.
    public func render(
        variables: [String: TemplateValue], limits: TemplateLimits = TemplateLimits(), now: CivilTime = .current()
    ) throws(InputError) -> String {
        let interpreter = Interpreter(subject: name, limits: limits, now: now)
        for (name, value) in variables { interpreter.scope.variables[name] = try interpreter.value(value) }
        _ = try interpreter.execute(body)
        return interpreter.output
    }
}
