/// How the code that was released with ChatGLM writes conversations, as chat templates.
///
/// That code encodes parts of the text by themselves, each with SentencePiece's space before it: the templates write the space. A last answer ends
/// with the token that ends it.
enum ChatGLMTemplate {
    private static let turns = """
        {%- for message in messages -%}
        {%- if message.role != ('user' if loop.index0 % 2 == 0 else 'assistant') -%}
        {{- raise_exception('questions of the user and answers of the assistant come in turn; message ' ~ loop.index ~ ' is of ' ~ message.role) -}}
        {%- endif -%}

        """

    /// ChatGLM-6B: a single question as it is; more are numbered from 0. The last answer stands behind the mask and the start of its span.
    static let first =
        turns + #"""
            {%- if message.role == 'user' -%}
            {{- '[Round ' ~ (loop.index0 // 2) ~ ']\n问：' ~ message.content ~ '\n答：' if messages|length > 2 else message.content -}}
            {%- else -%}
            {{- '[gMASK]<sop>' ~ message.content ~ eos_token if loop.last else message.content ~ '\n' -}}
            {%- endif -%}
            {%- endfor -%}
            {{- '[gMASK]<sop>' if add_generation_prompt -}}
            """#

    /// ChatGLM2-6B: all questions are numbered, from 1.
    static let second =
        "{{- '[gMASK]sop' -}}\n" + turns + #"""
            {%- if message.role == 'user' -%}
            {{- '[Round ' ~ (loop.index0 // 2 + 1) ~ ']\n\n问：' ~ message.content ~ '\n\n答：' -}}
            {%- else -%}
            {{- ' ' ~ message.content ~ eos_token if loop.last else message.content ~ '\n\n' -}}
            {%- endif -%}
            {%- endfor -%}
            """#

    /// ChatGLM3 and GLM-4: a token for each role. Models write the gap before an answer themselves.
    static func roles(start: String, gap: String) -> String {
        #"""
        {{- '\#(start)' -}}
        {%- for message in messages -%}
        {%- if message.role not in ['system', 'user', 'assistant', 'observation'] -%}
        {{- raise_exception('the roles are system, user, assistant and observation; message ' ~ loop.index ~ ' is of ' ~ message.role) -}}
        {%- endif -%}
        {%- set content = message.content.strip() if message.role == 'assistant' else message.content -%}
        {{- '<|' ~ message.role ~ '|>' ~ (message.metadata or '') ~ ('\#(gap)' ~ content if content else '\n') -}}
        {{- eos_token if loop.last and message.role == 'assistant' -}}
        {%- endfor -%}
        {{- '<|assistant|>' if add_generation_prompt -}}
        """#
    }
}
